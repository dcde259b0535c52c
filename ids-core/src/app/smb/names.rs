//! What commands, dialects and options are called in records. Sources: MS-CIFS §2.2.2.1, MS-SMB2 §2.2.1.2 and §2.2.

use super::header::{Command, Version};

/// Commands of SMB 1 (MS-CIFS §2.2.2.1).
const SMB1: &[(u8, &str)] = &[
    (0x00, "SMB1_COMMAND_CREATE_DIRECTORY"),
    (0x01, "SMB1_COMMAND_DELETE_DIRECTORY"),
    (0x02, "SMB1_COMMAND_OPEN"),
    (0x03, "SMB1_COMMAND_CREATE"),
    (0x04, "SMB1_COMMAND_CLOSE"),
    (0x05, "SMB1_COMMAND_FLUSH"),
    (0x06, "SMB1_COMMAND_DELETE"),
    (0x07, "SMB1_COMMAND_RENAME"),
    (0x08, "SMB1_COMMAND_QUERY_INFORMATION"),
    (0x09, "SMB1_COMMAND_SET_INFORMATION"),
    (0x0a, "SMB1_COMMAND_READ"),
    (0x0b, "SMB1_COMMAND_WRITE"),
    (0x0c, "SMB1_COMMAND_LOCK_BYTE_RANGE"),
    (0x0d, "SMB1_COMMAND_UNLOCK_BYTE_RANGE"),
    (0x0e, "SMB1_COMMAND_CREATE_TEMPORARY"),
    (0x0f, "SMB1_COMMAND_CREATE_NEW"),
    (0x10, "SMB1_COMMAND_CHECK_DIRECTORY"),
    (0x11, "SMB1_COMMAND_PROCESS_EXIT"),
    (0x12, "SMB1_COMMAND_SEEK"),
    (0x13, "SMB1_COMMAND_LOCK_AND_READ"),
    (0x14, "SMB1_COMMAND_WRITE_AND_UNLOCK"),
    (0x1a, "SMB1_COMMAND_READ_RAW"),
    (0x1b, "SMB1_COMMAND_READ_MPX"),
    (0x1c, "SMB1_COMMAND_READ_MPX_SECONDARY"),
    (0x1d, "SMB1_COMMAND_WRITE_RAW"),
    (0x1e, "SMB1_COMMAND_WRITE_MPX"),
    (0x1f, "SMB1_COMMAND_WRITE_MPX_SECONDARY"),
    (0x20, "SMB1_COMMAND_WRITE_COMPLETE"),
    (0x21, "SMB1_COMMAND_QUERY_SERVER"),
    (0x22, "SMB1_COMMAND_SET_INFORMATION2"),
    (0x23, "SMB1_COMMAND_QUERY_INFORMATION2"),
    (0x24, "SMB1_COMMAND_LOCKING_ANDX"),
    (0x25, "SMB1_COMMAND_TRANS"),
    (0x26, "SMB1_COMMAND_TRANS_SECONDARY"),
    (0x27, "SMB1_COMMAND_IOCTL"),
    (0x28, "SMB1_COMMAND_IOCTL_SECONDARY"),
    (0x29, "SMB1_COMMAND_COPY"),
    (0x2a, "SMB1_COMMAND_MOVE"),
    (0x2b, "SMB1_COMMAND_ECHO"),
    (0x2c, "SMB1_COMMAND_WRITE_AND_CLOSE"),
    (0x2d, "SMB1_COMMAND_OPEN_ANDX"),
    (0x2e, "SMB1_COMMAND_READ_ANDX"),
    (0x2f, "SMB1_COMMAND_WRITE_ANDX"),
    (0x30, "SMB1_COMMAND_NEW_FILE_SIZE"),
    (0x31, "SMB1_COMMAND_CLOSE_AND_TREE_DISC"),
    (0x32, "SMB1_COMMAND_TRANS2"),
    (0x33, "SMB1_COMMAND_TRANS2_SECONDARY"),
    (0x34, "SMB1_COMMAND_FIND_CLOSE2"),
    (0x35, "SMB1_COMMAND_FIND_NOTIFY_CLOSE"),
    (0x70, "SMB1_COMMAND_TREE_CONNECT"),
    (0x71, "SMB1_COMMAND_TREE_DISCONNECT"),
    (0x72, "SMB1_COMMAND_NEGOTIATE_PROTOCOL"),
    (0x73, "SMB1_COMMAND_SESSION_SETUP_ANDX"),
    (0x74, "SMB1_COMMAND_LOGOFF_ANDX"),
    (0x75, "SMB1_COMMAND_TREE_CONNECT_ANDX"),
    (0x7e, "SMB1_COMMAND_SECURITY_PACKAGE_ANDX"),
    (0x80, "SMB1_COMMAND_QUERY_INFO_DISK"),
    (0x81, "SMB1_COMMAND_SEARCH"),
    (0x82, "SMB1_COMMAND_FIND"),
    (0x83, "SMB1_COMMAND_FIND_UNIQUE"),
    (0x84, "SMB1_COMMAND_FIND_CLOSE"),
    (0xa0, "SMB1_COMMAND_NT_TRANS"),
    (0xa1, "SMB1_COMMAND_NT_TRANS_SECONDARY"),
    (0xa2, "SMB1_COMMAND_NT_CREATE_ANDX"),
    (0xa4, "SMB1_COMMAND_NT_CANCEL"),
    (0xa5, "SMB1_COMMAND_NT_RENAME"),
    (0xc0, "SMB1_COMMAND_OPEN_PRINT_FILE"),
    (0xc1, "SMB1_COMMAND_WRITE_PRINT_FILE"),
    (0xc2, "SMB1_COMMAND_CLOSE_PRINT_FILE"),
    (0xc3, "SMB1_COMMAND_GET_PRINT_QUEUE"),
    (0xd8, "SMB1_COMMAND_READ_BULK"),
    (0xd9, "SMB1_COMMAND_WRITE_BULK"),
    (0xda, "SMB1_COMMAND_WRITE_BULK_DATA"),
    (0xfe, "SMB1_COMMAND_INVALID"),
    (0xff, "SMB1_COMMAND_NONE"),
];

/// Commands of SMB 2 and 3, by number (MS-SMB2 §2.2.1.2).
const SMB2: &[&str] = &[
    "SMB2_COMMAND_NEGOTIATE_PROTOCOL",
    "SMB2_COMMAND_SESSION_SETUP",
    "SMB2_COMMAND_SESSION_LOGOFF",
    "SMB2_COMMAND_TREE_CONNECT",
    "SMB2_COMMAND_TREE_DISCONNECT",
    "SMB2_COMMAND_CREATE",
    "SMB2_COMMAND_CLOSE",
    "SMB2_COMMAND_FLUSH",
    "SMB2_COMMAND_READ",
    "SMB2_COMMAND_WRITE",
    "SMB2_COMMAND_LOCK",
    "SMB2_COMMAND_IOCTL",
    "SMB2_COMMAND_CANCEL",
    "SMB2_COMMAND_KEEPALIVE",
    "SMB2_COMMAND_FIND",
    "SMB2_COMMAND_CHANGE_NOTIFY",
    "SMB2_COMMAND_GET_INFO",
    "SMB2_COMMAND_SET_INFO",
    "SMB2_COMMAND_OPLOCK_BREAK",
];

/// The name of a command; one without a name as a number.
pub(super) fn command(command: Command) -> Option<&'static str> {
    match command.version {
        Version::One => SMB1.iter().find(|row| u16::from(row.0) == command.code).map(|row| row.1),
        Version::Two => SMB2.get(usize::from(command.code)).copied(),
    }
}

/// The name of a dialect of SMB 2 and 3 (MS-SMB2 §2.2.4).
pub(super) const fn dialect(code: u16) -> &'static str {
    match code {
        0x0202 => "2.02",
        0x0210 => "2.10",
        0x0222 => "2.22",
        0x0224 => "2.24",
        0x02ff => "2.??",
        0x0300 => "3.00",
        0x0302 => "3.02",
        0x0310 => "3.10",
        0x0311 => "3.11",
        _ => "unknown",
    }
}

/// What is done where a file is there, or is not (MS-SMB2 §2.2.13).
pub(super) const fn disposition(code: u32) -> &'static str {
    match code {
        0 => "FILE_SUPERSEDE",
        1 => "FILE_OPEN",
        2 => "FILE_CREATE",
        3 => "FILE_OPEN_IF",
        4 => "FILE_OVERWRITE",
        5 => "FILE_OVERWRITE_IF",
        _ => "UNKNOWN",
    }
}

/// What a share holds (MS-SMB2 §2.2.10).
pub(super) const fn share(code: u8) -> &'static str {
    match code {
        1 => "FILE",
        2 => "PIPE",
        3 => "PRINT",
        _ => "UNKNOWN",
    }
}

/// Control codes (MS-SMB2 §2.2.31, MS-FSCC §2.3).
const FUNCTIONS: &[(u32, &str)] = &[
    (0x0006_0194, "FSCTL_DFS_GET_REFERRALS"),
    (0x0006_01b0, "FSCTL_DFS_GET_REFERRALS_EX"),
    (0x0009_003c, "FSCTL_GET_COMPRESSION"),
    (0x0009_00a4, "FSCTL_SET_REPARSE_POINT"),
    (0x0009_00a8, "FSCTL_GET_REPARSE_POINT"),
    (0x0009_00ac, "FSCTL_DELETE_REPARSE_POINT"),
    (0x0009_00c0, "FSCTL_CREATE_OR_GET_OBJECT_ID"),
    (0x0009_00c4, "FSCTL_SET_SPARSE"),
    (0x0009_40cf, "FSCTL_QUERY_ALLOCATED_RANGES"),
    (0x0009_80c8, "FSCTL_SET_ZERO_DATA"),
    (0x0009_8208, "FSCTL_FILE_LEVEL_TRIM"),
    (0x0009_8344, "FSCTL_DUPLICATE_EXTENTS_TO_FILE"),
    (0x0011_0008, "FSCTL_PIPE_WAIT_DISCONNECT"),
    (0x0011_0018, "FSCTL_PIPE_WAIT"),
    (0x0011_400c, "FSCTL_PIPE_PEEK"),
    (0x0011_c017, "FSCTL_PIPE_TRANSCEIVE"),
    (0x0014_0078, "FSCTL_SRV_REQUEST_RESUME_KEY"),
    (0x0014_0204, "FSCTL_VALIDATE_NEGOTIATE_INFO"),
    (0x0014_01bb, "FSCTL_SRV_READ_HASH"),
    (0x0014_01d4, "FSCTL_LMR_REQUEST_RESILIENCY"),
    (0x0014_01fc, "FSCTL_QUERY_NETWORK_INTERFACE_INFO"),
    (0x0014_4064, "FSCTL_SRV_ENUMERATE_SNAPSHOTS"),
    (0x0014_40f2, "FSCTL_SRV_COPYCHUNK"),
    (0x0014_80f2, "FSCTL_SRV_COPYCHUNK_WRITE"),
];

/// The name of a control code.
pub(super) fn function(code: u32) -> Option<&'static str> {
    FUNCTIONS.iter().find(|row| row.0 == code).map(|row| row.1)
}
