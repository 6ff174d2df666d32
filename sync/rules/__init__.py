"""The rules, pure: which purchases go, how they are coded, why others stay."""
