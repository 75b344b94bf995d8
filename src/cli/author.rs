//! Who git says its user is.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

/// The author that git would name for a commit made in `dir`: its environment variables, then its
/// settings. git is asked for these and not their files read, for it alone knows which files there
/// are and what they include. `user` stands in for a name where only an address is set; `None` where
/// git is not there or knows nobody.
pub(super) fn of_git(dir: &Path, user: Option<&str>) -> Option<String> {
    let [mut name, mut email] = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"]
        .map(|variable| env::var(variable).ok().and_then(|text| said(&text)));
    if name.is_none() || email.is_none() {
        let settings = settings(dir).unwrap_or_default();
        for (key, value) in settings.split('\0').filter_map(|line| line.split_once('\n')) {
            let into = match key {
                "user.name" => &mut name,
                "user.email" => &mut email,
                _ => continue,
            };
            // Of several the last one counts, but none takes a variable's place.
            let variable = if key == "user.name" { "GIT_AUTHOR_NAME" } else { "GIT_AUTHOR_EMAIL" };
            if env::var(variable).ok().and_then(|text| said(&text)).is_none() {
                *into = said(value).or(into.take());
            }
        }
    }
    match (name, email) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (Some(name), None) => Some(name),
        (None, Some(email)) => Some(format!("{} <{email}>", user?)),
        (None, None) => None,
    }
}

/// What `git config` has on its user: keys and values, each pair ended by a zero byte.
fn settings(dir: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["config", "-z", "--get-regexp", r"^user\.(name|email)$"]).current_dir(dir);
    git.stdin(Stdio::null()).stderr(Stdio::null());
    let output = git.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A text that says something.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
