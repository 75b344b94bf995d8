//! Help on things that are no verbs.

/// A page of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// Its name on the command line.
    pub name: &'static str,
    /// All of it; the first line is its title.
    pub text: &'static str,
}

/// All topics.
pub const TOPICS: &[Topic] = &[
    Topic { name: "facts", text: include_str!("facts.txt") },
    Topic { name: "revisions", text: include_str!("revisions.txt") },
    Topic { name: "settings", text: include_str!("settings.txt") },
    Topic { name: "undo-or-revert", text: include_str!("undo-or-revert.txt") },
    Topic { name: "scripts", text: include_str!("scripts.txt") },
];

impl Topic {
    /// The title.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default()
    }
}
