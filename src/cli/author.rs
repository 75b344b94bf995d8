//! Who git says its user is.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A name and an address, as far as somebody says them.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// The name.
    pub(super) name: Option<String>,
    /// The address.
    pub(super) email: Option<String>,
}

impl Person {
    /// The user of git in `dir`, by its settings. git is asked for these and not their files read, for it
    /// alone knows which files there are and what they include. Nobody where git is not there or knows
    /// nobody.
    pub(super) fn of_git(dir: &Path) -> Self {
        let mut git = Command::new("git");
        git.args(["config", "-z", "--get-regexp", r"^user\.(name|email)$"]).current_dir(dir);
        git.stdin(Stdio::null()).stderr(Stdio::null());
        let printed = git.output().ok().filter(|output| output.status.success());
        let printed = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let mut person = Self::default();
        // Key, newline, value, zero byte. Of several the last one counts.
        for (key, value) in printed
            .iter()
            .flat_map(|text| text.split('\0'))
            .filter_map(|line| line.split_once('\n'))
        {
            match key {
                "user.name" => person.name = said(value),
                "user.email" => person.email = said(value),
                _ => {}
            }
        }
        person
    }

    /// What this one says, and `other` where it says nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self { name: self.name.or(other.name), email: self.email.or(other.email) }
    }

    /// `Name <address>` or a name alone, with `user` for a name where there is only an address.
    pub(super) fn author(self, user: Option<&str>) -> Option<String> {
        match (self.name, self.email) {
            (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
            (Some(name), None) => Some(name),
            (None, Some(email)) => Some(format!("{} <{email}>", user?)),
            (None, None) => None,
        }
    }
}

/// A text that says something.
pub(super) fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
