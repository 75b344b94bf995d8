//! The command line, driven as a user does: the real binary in a directory of its own, with a fixed
//! clock and author.

mod backup;
mod bad_input;
mod checkout;
mod crash;
mod docs;
mod editors;
mod escapes;
mod exit;
#[cfg(debug_assertions)]
mod faults;
mod files;
mod habits;
mod hints;
mod hostile;
mod json;
mod links;
mod merge;
mod options;
mod processes;
mod text;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use kledger::{
    checkpoint::write_tensors,
    tensor::{Matrix, Tensor},
};

use crate::support::{WORDS, stand_in};

/// A directory with a model in `base` and, when wanted, a repository in `repo`.
struct Sandbox {
    dir: tempfile::TempDir,
}

/// What a command printed.
#[derive(Debug)]
struct Output {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Sandbox {
    /// Without a repository.
    fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        stand_in::write_checkpoint(&dir.path().join("base"), stand_in::INPUTS);
        fs::create_dir(dir.path().join("repo")).unwrap();
        Self { dir }
    }

    /// With a repository in which nothing was done.
    fn new() -> Self {
        let sandbox = Self::bare();
        sandbox.run(&["init", "--anyway", "--model", "../base"]).done();
        sandbox
    }

    /// With templates committed: a history of two commits that no model was needed for.
    fn with_words() -> Self {
        let sandbox = Self::new();
        sandbox.write("words.ttl", WORDS);
        sandbox.run(&["add", "words.ttl"]).done();
        sandbox.run(&["commit", "-m", "Words"]).done();
        sandbox
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Writes a file of the repository's directory.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.root().join(name), text).unwrap();
    }

    /// Writes a LoRA adapter of rank 1 for one tensor of the base to `name`.
    fn write_adapter(&self, name: &str) {
        let dir = self.root().join(name);
        fs::create_dir(&dir).unwrap();
        let config =
            r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": ["down_proj"]}"#;
        fs::write(dir.join("adapter_config.json"), config).unwrap();
        let factor = |name: &str, rows, cols| {
            let matrix = Matrix { rows, cols, data: vec![0.25; rows * cols] };
            let module = "base_model.model.model.layers.1.mlp.down_proj";
            (format!("{module}.{name}.weight"), Tensor::from(&matrix))
        };
        let (inputs, outputs) = (stand_in::INPUTS, stand_in::OUTPUTS);
        let tensors = [factor("lora_A", 1, inputs), factor("lora_B", outputs, 1)].into();
        write_tensors(&dir.join("adapter_model.safetensors"), &tensors).unwrap();
    }

    /// A command that is ready to run in the repository's directory.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kledger"));
        let kept =
            ["PATH", "LD_LIBRARY_PATH", "LIBTORCH"].map(|name| (name, std::env::var_os(name)));
        command.args(words).current_dir(self.root()).env_clear();
        command.envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("KLEDGER_AUTHOR", "Ada <ada@example.org>")
            .env("KLEDGER_DATE", "2026-01-02T03:04:05Z")
            .env("TZ", "UTC");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.run_with(words, "")
    }

    /// Runs with something on standard input.
    fn run_with(&self, words: &[&str], input: &str) -> Output {
        self.finish(self.command(words), input)
    }

    /// Runs where no file may grow beyond `kib` KiB; writing more is an error, as on a full disk.
    #[cfg(unix)]
    fn run_limited(&self, words: &[&str], kib: usize) -> Output {
        let mut command = self.command(&[]);
        let kledger = command.get_program().to_owned();
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib);
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(script).arg(kledger).args(words);
        shell.current_dir(self.root()).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command = shell;
        self.finish(command, "")
    }

    fn finish(&self, mut command: Command, input: &str) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone before it is written.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: self.redact(&output.stdout),
            stderr: self.redact(&output.stderr),
        }
    }

    /// Takes out what differs from run to run (the directory) and from format to format (ids).
    fn redact(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let real = self.dir.path().canonicalize().unwrap();
        let text = text.replace(real.to_str().unwrap(), "<dir>");
        let mut redacted = String::new();
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            let digits = rest.chars().take_while(|&c| is_hex(c)).count();
            if digits == 12 {
                redacted.push_str("<id>");
                rest = &rest[digits..];
            } else if digits > 0 {
                redacted.push_str(&rest[..digits]);
                rest = &rest[digits..];
            } else {
                redacted.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        redacted
    }

    /// What the store would say of itself: to see that a refused command left it as it was.
    fn state(&self) -> String {
        ["status", "log", "branch", "tag"].map(|verb| self.run(&[verb, "--json"]).stdout).concat()
    }
}

impl Output {
    /// Standard output of a command that has to succeed.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// Standard error of a command that has to fail with `code`.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:#?}");
        self.stderr
    }
}
