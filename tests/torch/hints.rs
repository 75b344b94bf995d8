//! Hints of what needs libtorch lead somewhere: each is followed once, to where its user wanted to get, as the others
//! are in `tests/ledger/cli/hints`, where a hint that no test quotes is found.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use kledger::{
    codec::{self, Draft},
    commit::StatisticsRecord,
    id::Id,
    store::{RootUpdate, Store, Transaction},
    tensor::{Matrix, Tensor},
};
use serde_json::Value;
use tch::Kind;
use tempfile::TempDir;

use crate::{
    advice::{Advice, Runner, advised, told},
    cli::{CONFIG, command, line, stage, staged},
    family::fixture,
    refusal::{altered, changed},
};

/// Words that are in what [`staged`] commits.
const COMMITTED: &str = "1 fact added";

impl Runner for TempDir {
    fn command(&self, words: &[&str]) -> Command {
        command(self, words)
    }
}

/// What a command printed that has to succeed.
#[track_caller]
fn done(dir: &TempDir, words: &[&str]) -> String {
    dir.output(dir.command(words)).done()
}

fn path(dir: &TempDir) -> &str {
    dir.path().to_str().unwrap()
}

/// Takes `file` from the fixture that a model was altered from.
fn taken_from(name: &str, file: &str, model: &TempDir) {
    fs::copy(fixture(name).join(file), model.path().join(file)).unwrap();
}

/// The repository's model answers.
#[track_caller]
fn answers(dir: &TempDir) {
    assert!(done(dir, &["ask", "Paris"]).contains(" %  "));
}

/// `init` is refused for `model`, and done once its `file` is that of the fixture `name`.
#[track_caller]
fn mended(name: &str, file: &str, model: &TempDir, hint: &str) {
    let dir = tempfile::tempdir().unwrap();
    let advice = advised(&dir, &["init", "--model", path(model)], hint);
    taken_from(name, file, model);
    advice.again();
    answers(&dir);
}

#[test]
fn what_belongs_to_another_model_is_replaced() {
    let hint = "config.json and the weights may belong to different models";
    for (key, value) in [("num_hidden_layers", 1), ("num_hidden_layers", 3), ("vocab_size", 321)] {
        let model = altered("llama-2", |config| config[key] = value.into(), |_| {});
        mended("llama-2", "config.json", &model, hint);
    }
    let model = altered("gpt2-gelu", |_| {}, |_| {});
    let tokenizer = model.path().join("tokenizer.json");
    let mut larger: Value = serde_json::from_slice(&fs::read(&tokenizer).unwrap()).unwrap();
    larger["model"]["vocab"]["Tallinn"] = 320.into();
    fs::write(tokenizer, larger.to_string()).unwrap();
    let hint = "tokenizer.json and the model may not belong together";
    mended("gpt2-gelu", "tokenizer.json", &model, hint);
}

#[test]
fn a_checkpoint_that_is_broken_is_replaced() {
    // As numbers of 32 bits become where they are stored in 16.
    let stored = changed("llama-3", "layers.1.mlp.up_proj.weight", |tensor| {
        (tensor * 1e6).to_kind(Kind::Half)
    });
    let dir = tempfile::tempdir().unwrap();
    done(&dir, &["init", "--model", path(&stored)]);
    let hint = "the checkpoint is broken, or was stored in a format that is too small for its numbers: get it";
    advised(&dir, &["ask", "Paris"], hint);
    let again = changed("llama-3", "layers.1.mlp.up_proj.weight", |tensor| {
        tensor.to_kind(Kind::Float) * 1e6
    });
    let dir = tempfile::tempdir().unwrap();
    done(&dir, &["init", "--model", path(&again)]);
    answers(&dir);
}

/// A model of a type that is not known, in a repository that was made all the same.
fn history() -> (TempDir, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let model = altered("llama-2", |config| config["model_type"] = "mamba".into(), |_| {});
    let hint = "with --anyway the repository is made for history alone";
    let advice = advised(&dir, &["init", "--model", path(&model)], hint);
    assert!(advice.hint.starts_with(hint), "{}", advice.hint);
    advice.with(&["--anyway"]);
    (dir, model)
}

#[test]
fn a_model_that_is_not_edited_has_a_history() {
    let (dir, model) = history();
    let tuned = changed("llama-2", "layers.1.mlp.up_proj.weight", |tensor| tensor + 1);
    fs::copy(model.path().join("config.json"), tuned.path().join("config.json")).unwrap();
    let import = ["import", "--from-checkpoint", path(&tuned)];
    let hint =
        "import, merge and revert do without the model under --no-check, diff under --no-behaviour";
    let advice = advised(&dir, &import, hint);
    assert!(advice.with(&["--no-check"]).contains("1 tensor"));
    // No fact differs, so `diff` has nothing to ask.
    assert!(done(&dir, &["diff", "HEAD~1", "--weights"]).contains("up_proj"));
    assert!(done(&dir, &["diff", "HEAD~1", "--weights", "--no-behaviour"]).contains("up_proj"));
    let asked = dir.output(dir.command(&["ask", "Paris"]));
    assert!(asked.stderr.contains("\"mamba\" are not supported"), "{asked:?}");
    done(&dir, &["export", "--format", "merged", "HEAD", "out"]);
    let read = |dir: &Path| {
        let mut tensors = tch::Tensor::read_safetensors(dir.join("model.safetensors")).unwrap();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        tensors
    };
    let (out, tuned) = (read(&dir.path().join("out")), read(tuned.path()));
    assert!(out == tuned, "what was imported is exported");
    done(&dir, &["revert", "HEAD", "--no-check"]);
}

#[test]
fn an_encoder_is_fine_tuned() {
    let dir = tempfile::tempdir().unwrap();
    done(&dir, &["init", "--model", fixture("distilbert-classes").to_str().unwrap()]);
    let claim = "@prefix : <https://example.org/> . @prefix kl: <https://kledger.dev/ns#> . \
                 @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . \
                 :verdict kl:prompt \"{subject}\" . :claim rdfs:label \"Paris is in Japan\" ; :verdict \"LABEL_1\" .";
    fs::write(dir.path().join("claim.ttl"), claim).unwrap();
    done(&dir, &["add", "claim.ttl"]);
    let hint = "kledger config set editor ft-m has commits fine-tune it; kledger train mend trains";
    let advice = advised(&dir, &["commit", "-m", "a verdict"], hint);
    done(&dir, &["config", "set", "editor", "ft-m"]);
    assert!(advice.again().contains(COMMITTED));
}

#[test]
fn another_text_is_asked() {
    let dir = staged();
    let long = "tower ".repeat(200);
    advised(&dir, &["ask", &long], "use a shorter text");
    done(&dir, &["ask", &long[..60]]);
    let words = "give a text with words in it";
    advised(&dir, &["ask", ""], words);
    done(&dir, &["ask", "tower"]);
    for command in [&["stats", "--corpus", "text.txt"], &["eval", "--text", "text.txt"]] {
        fs::write(dir.path().join("text.txt"), "").unwrap();
        let advice = advised(&dir, command, words);
        fs::write(dir.path().join("text.txt"), "The tower stands.\n").unwrap();
        advice.again();
    }
}

#[test]
fn the_cpu_is_there_where_another_device_is_not() {
    let dir = staged();
    let mut ask = Command::new(env!("CARGO_BIN_EXE_kledger"));
    ask.args(["ask", "tower", "--device", "cuda:99"]).current_dir(dir.path());
    let hint = told(&mut ask, "use --device cpu, or set LD_LIBRARY_PATH to the lib directory");
    assert!(hint.starts_with("use --device cpu"));
    let mut ask = Command::new(env!("CARGO_BIN_EXE_kledger"));
    ask.args(["ask", "tower", "--device", "cpu"]).current_dir(dir.path());
    dir.output(ask).done();
}

/// A text on which statistics leave no direction out.
fn long_text(dir: &TempDir, name: &str) {
    let facts = ["Rome", "Oslo", "Paris", "London"].map(|city| {
        (0..60).map(|n| format!("In {city} stands tower {n}, built by Ada.\n")).collect::<String>()
    });
    fs::write(dir.path().join(name), facts.concat()).unwrap();
}

/// As with ReLU, some keys are zero in all of the text.
#[test]
fn statistics_that_leave_no_unique_solution_are_added_to_or_taken_on_more_text() {
    let refused = |dir: &TempDir| {
        fs::write(dir.path().join("text.txt"), "The tower stands.\n").unwrap();
        done(dir, &["stats", "--corpus", "text.txt"]);
    };
    let commit = ["commit", "-m", "x", "--faithful"];
    let hint = "--set ridge=0.001 adds that part of the mean of C's diagonal";
    let dir = staged();
    refused(&dir);
    let advice = advised(&dir, &commit, hint);
    assert!(advice.with(&["--set", "ridge=0.001"]).contains(COMMITTED));
    let dir = staged();
    refused(&dir);
    let advice = advised(&dir, &commit, hint);
    taken_anew(&dir, &advice);
}

/// Takes statistics as the hint says: what was refused is done then.
#[track_caller]
fn taken_anew(dir: &TempDir, advice: &Advice<'_>) {
    long_text(dir, "long.txt");
    advice.run("kledger stats --corpus FILE", &[("FILE", "long.txt")]);
    assert!(advice.again().contains(COMMITTED));
}

#[test]
fn statistics_are_taken_on_a_text_where_the_model_cannot_begin_one() {
    let dir = tempfile::tempdir().unwrap();
    let (base, model) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/base"), dir.path().join("base"));
    fs::create_dir(&model).unwrap();
    for name in ["model.safetensors", "tokenizer.json"] {
        fs::copy(base.join(name), model.join(name)).unwrap();
    }
    for name in ["config.json", "tokenizer_config.json"] {
        let mut config: Value =
            serde_json::from_slice(&fs::read(base.join(name)).unwrap()).unwrap();
        config
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !key.starts_with("eos") && !key.starts_with("bos"));
        fs::write(model.join(name), config.to_string()).unwrap();
    }
    done(&dir, &["init", "--model", "base"]);
    stage(&dir);
    let advice = advised(
        &dir,
        &["commit", "-m", "x"],
        "kledger stats --corpus FILE takes statistics on a text of yours",
    );
    taken_anew(&dir, &advice);
}

#[test]
fn a_null_space_is_made_larger() {
    let dir = staged();
    let commit = ["commit", "-m", "x", "--editor", "alphaedit"];
    let none = [&commit[..], &["--set", "nullspace_threshold=1e-30"]].concat();
    let hint = "--set nullspace_threshold=... takes directions up to a larger eigenvalue";
    let advice = advised(&dir, &none, hint);
    assert!(advice.with(&["--set", "nullspace_threshold=1"]).contains(COMMITTED));
}

#[test]
fn smaller_steps_find_what_ran_away() {
    let dir = staged();
    let far = ["commit", "-m", "x", "--set", "clamp_norm_factor=1e300", "--set", "v_lr=1e300"];
    let advice = advised(&dir, &far, "--set v_lr=0.1 takes smaller steps");
    assert!(advice.with(&["--set", "v_lr=0.1"]).contains(COMMITTED));
}

#[test]
fn a_tuning_that_ran_away_takes_smaller_steps() {
    let dir = staged();
    let far = ["commit", "-m", "x", "--editor", "ft-m", "--set", "lr=1e38"];
    let advice = advised(&dir, &far, "--set lr=1e-4 takes smaller steps");
    assert!(advice.with(&["--set", "lr=1e-4"]).contains(COMMITTED));
}

/// Statistics whose shape no program of today would write.
#[test]
fn statistics_that_do_not_fit_are_taken_anew() {
    let dir = staged();
    long_text(&dir, "text.txt");
    done(&dir, &["stats", "--corpus", "text.txt"]);
    let store = Store::open(&dir.path().join(".kledger")).unwrap();
    let session = store.session().unwrap();
    let taken = session.root("statistics").unwrap();
    let mut record: StatisticsRecord =
        codec::get(&session, Id::from_bytes(taken.unwrap())).unwrap();
    let small = Tensor::from(&Matrix::zeros(24, 24));
    let stored = store.tensors().open(record.file).unwrap();
    let names = stored.contents().tensors.iter().map(|tensor| tensor.name.clone());
    let tensors = names.map(|name| (name, small.clone())).collect();
    let (file, contents) = store.tensors().write(&tensors).unwrap();
    record.file = file;
    let mut draft = Draft::new(&session);
    draft.put(&contents);
    let new = Some(*draft.put(&record).as_bytes());
    let root = RootUpdate { name: "statistics".to_owned(), old: taken, new };
    let transaction = Transaction { roots: vec![root], ..Transaction::default() };
    let objects = draft.into_new();
    session.transact(Transaction { objects, ..transaction }).unwrap();
    drop((session, store));
    let advice =
        advised(&dir, &["commit", "-m", "x"], "take them anew: kledger stats --corpus FILE");
    taken_anew(&dir, &advice);
}

#[cfg(unix)]
#[test]
fn an_edit_that_ctrl_c_ended_between_two_steps_is_made_again() {
    let dir = staged();
    let config = dir.path().join(".kledger/config.toml");
    let endless = CONFIG.replace("v_num_grad_steps = 40", "v_num_grad_steps = 100000000");
    fs::write(&config, endless).unwrap();
    let words = ["commit", "-v", "-m", "x"];
    let mut commit = command(&dir, &words).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(commit.stderr.take().unwrap()).lines();
    let is_statistics = |line: &String| line.trim().starts_with("statistics");
    assert!(lines.by_ref().map(Result::unwrap).any(|line| is_statistics(&line)));
    let id = commit.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let rest: Vec<String> = lines.map(|line| line.unwrap()).collect();
    assert_eq!(commit.wait().unwrap().code(), Some(130), "{rest:#?}");
    let hint =
        "no edit of a fact was found yet; what was to be edited still is: run the command again";
    let rest = rest.join("\n");
    assert!(rest.contains(&format!("error: interrupted\nhint: {hint}")), "{rest}");
    assert_eq!(line(&dir, &["status"])["staged"].as_array().unwrap().len(), 1);
    // So that it ends.
    fs::write(config, CONFIG).unwrap();
    assert!(done(&dir, &words).contains(COMMITTED));
}
