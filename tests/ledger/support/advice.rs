//! What a command that was refused is told to do, and doing it. The tests with libtorch have this file too.

use std::process::{Command, Stdio};

/// Where kledger is run.
pub(crate) trait Runner {
    /// A command that is ready to run.
    fn command(&self, words: &[&str]) -> Command;

    /// What a command printed, as tests look at it.
    fn printed(&self, bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Runs a command that reads nothing.
    fn output(&self, mut command: Command) -> Output {
        let output = command.stdin(Stdio::null()).output().unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: self.printed(&output.stdout),
            stderr: self.printed(&output.stderr),
        }
    }
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Standard output of a command that has to succeed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }
}

/// What a command that was refused was told to do.
pub(crate) struct Advice<'a> {
    pub(crate) runner: &'a dyn Runner,
    words: Vec<&'a str>,
    /// As it was printed.
    pub(crate) hint: String,
}

/// Runs what has to be refused; its hint has to have `hint` in it.
#[track_caller]
pub(crate) fn advised<'a>(runner: &'a dyn Runner, words: &[&'a str], hint: &str) -> Advice<'a> {
    let mut command = runner.command(words);
    let words = words.to_vec();
    Advice { runner, words, hint: told(&mut command, hint) }
}

/// The hint of a command that has to be refused, which has to have `hint` in it.
#[track_caller]
pub(crate) fn told(command: &mut Command, hint: &str) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let said = text.split_once("\nhint: ").map(|(_, hint)| hint.trim_end().to_owned());
    let said = said.unwrap_or_else(|| panic!("there is no hint: {text}"));
    assert!(said.contains(hint), "{hint:?} is not in {text}");
    said
}

impl Advice<'_> {
    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        self.runner.output(self.runner.command(words)).done()
    }

    /// What was refused, again: it is done now.
    #[track_caller]
    pub(crate) fn again(&self) -> String {
        self.done(&self.words)
    }

    /// What was refused with `more` words, of which the hint names the options: it is done then.
    #[track_caller]
    pub(crate) fn with(&self, more: &[&str]) -> String {
        for option in more.iter().filter(|word| word.starts_with('-')) {
            assert!(self.hint.contains(option), "{option} is not in {}", self.hint);
        }
        self.done(&[self.words.as_slice(), more].concat())
    }

    /// A command of the hint, with what stands for its placeholders: it is done.
    #[track_caller]
    pub(crate) fn run(&self, command: &str, fill: &[(&str, &str)]) -> String {
        self.says(command, fill, &[]).done()
    }

    /// A command of the hint, with what stands for its placeholders and with `more` words.
    #[track_caller]
    pub(crate) fn says(&self, command: &str, fill: &[(&str, &str)], more: &[&str]) -> Output {
        assert!(self.hint.contains(command), "{command:?} is not in {}", self.hint);
        let words = shlex::split(command.strip_prefix("kledger ").unwrap()).unwrap();
        let filled: Vec<&str> = words
            .iter()
            .map(|word| {
                let with = fill.iter().find(|(placeholder, _)| placeholder == word);
                with.map_or(word.as_str(), |(_, with)| with)
            })
            .chain(more.iter().copied())
            .collect();
        self.runner.output(self.runner.command(&filled))
    }
}
