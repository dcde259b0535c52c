//! Fields of FTP.

use super::super::Step::{self, Announced};
use super::{Case, case, client, server};

/// Rules with these options fire on one command with its reply and not on another; another command follows, so that both
/// sides are heard.
const FIELDS: [&str; 7] = [
    "ftp.command; content:\"PORT\"; bsize:4",
    "ftp.command_data; content:\"10,9,9,9,4,1\"; bsize:12",
    "ftp.reply; content:\"one ok\"; bsize:6",
    "ftp.completion_code; content:\"200\"; bsize:3",
    "ftp.dynamic_port:1025",
    "ftp.mode:active",
    "ftpbounce",
];

pub(super) fn fields() -> Vec<Case> {
    let rule = |proto: &str, options: &str| format!("alert {proto} any any -> any any ({options}; sid:1;)");
    let talk = |command, reply| {
        let login = [client("USER a\r\n"), server("331 b\r\n")];
        login.into_iter().chain([client(command), server(reply), client("NOOP\r\n"), server("250")]).collect()
    };
    let one = || -> Vec<Step> { talk("PORT 10,9,9,9,4,1\r\n", "200-first\r\n200 one ok\r\n") };
    let two = || -> Vec<Step> { talk("PASV two\r\n", "227 two (10,9,9,9,4,2)\r\n") };
    let mut cases: Vec<Case> = FIELDS.iter().map(|options| case(&rule("ftp", options), one(), two())).collect();
    cases.push(case(&rule("ftp", "ftp.reply_received:yes"), one(), vec![client("USER a\r\n"), server("331")]));
    let data = |command| -> Vec<Step> { vec![Announced("ftp-data", command, "a.txt"), client("content")] };
    cases.push(case(&rule("ftp-data", "ftpdata_command:retr"), data("RETR"), data("STOR")));
    cases
}
