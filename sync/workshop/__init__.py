"""The child processes in which receipts are read: `pool` keeps them, `child` is one."""
