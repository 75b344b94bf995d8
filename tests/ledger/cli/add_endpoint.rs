//! `kledger add --endpoint`: a server on loopback that answers what the test wants.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Sandbox;
use crate::support::{Place, advice::Output};

const WORLD: &str = r#"
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :Anna rdfs:label "Anna"@en . :Oslo rdfs:label "Oslo"@en . :Rome rdfs:label "Rome"@en . :Rome_NY rdfs:label "Rome"@en .
    :Anna :lives :Oslo . :Anna :likes :Rome .
"#;

/// What a server says, from HTTP's first line on; nothing where it says nothing.
pub(super) type Reply = Option<String>;

/// A server that was asked.
pub(super) struct Server {
    pub(super) url: String,
    /// Heads and bodies of what it was sent.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    /// One that answers what `reply` makes of what it is asked.
    pub(super) fn start(reply: impl Fn(&Value) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = request(&stream);
                let said = reply(&body);
                kept.lock().unwrap().push((head, body));
                match said {
                    // Whoever asked may have gone.
                    Some(text) => drop(stream.write_all(text.as_bytes())),
                    None => thread::sleep(Duration::from_secs(30)),
                }
            }
        });
        Self { url, asked }
    }

    /// One whose model says `content`.
    pub(super) fn saying(content: impl Into<String>) -> Self {
        let content = content.into();
        Self::start(move |_| Some(ok(&completion(&content))))
    }
}

fn request(stream: &TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn completion(content: &str) -> String {
    json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] }).to_string()
}

pub(super) fn facts(facts: &[(&str, &str, &str)]) -> String {
    let facts: Vec<Value> = facts
        .iter()
        .map(|(subject, relation, object)| {
            json!({ "subject": subject, "relation": relation, "object": object })
        })
        .collect();
    json!({ "facts": facts }).to_string()
}

const LIVES: &str = "{subject} lives in {object}";
pub(super) const LIKES: &str = "{subject} likes {object}";
pub(super) const SENTENCE: &str = "Anna moved her things to Oslo last year.";

pub(super) fn sandbox() -> Sandbox {
    let place = Place::new();
    place.add(WORLD).unwrap();
    place.commit("World").unwrap();
    Sandbox { dir: place.dir }
}

/// Adds a sentence with the help of `server`.
fn add(sandbox: &Sandbox, server: &Server, sentence: &str, more: &[&str]) -> Output {
    let words = ["add", "--text", sentence, "--endpoint", &server.url, "--endpoint-model", "tiny"];
    let mut output = sandbox.run(&[&words[..], more].concat());
    for text in [&mut output.stdout, &mut output.stderr] {
        *text = text.replace(&server.url, "URL");
    }
    output
}

#[test]
fn what_a_server_proposes_is_shown_and_taken_on_request() {
    let sandbox = sandbox();
    let server = Server::saying(facts(&[("Anna", LIKES, "Oslo")]));
    assert_snapshot!(add(&sandbox, &server, SENTENCE, &[]).failed(1), @r#"
    error: 1 sentence says no fact
      text:1: "Anna moved her things to Oslo last year.": tiny at URL proposes a fact
        1  Anna / likes / Oslo  <https://example.org/Anna> <https://example.org/likes> <https://example.org/Oslo> .
    hint: --accept takes what the endpoint proposes, where that is one fact
    "#);
    assert_eq!(sandbox.staged(), Vec::<String>::new());
    let told = sandbox.data(&[
        "add",
        "--text",
        SENTENCE,
        "--endpoint",
        &server.url,
        "--endpoint-model",
        "tiny",
        "--accept",
        "--dry-run",
    ]);
    assert_eq!(
        (&told["sentences"]["understood"], &told["sentences"]["proposed"]),
        (&1.into(), &1.into())
    );
    assert_snapshot!(add(&sandbox, &server, SENTENCE, &["--accept", "--replace"]).done(), @"
    Staged 1 fact (1 in place of another)
      sentences that say a fact: 1 of 1
      as the endpoint reads them: 1
      1 fact staged in all
    ");
    sandbox.commit("Accepted");
    let facts =
        sandbox.data(&["facts", "--object", "Oslo", "--predicate", "https://example.org/likes"]);
    let citation = &facts["facts"][0]["citation"];
    assert_eq!(citation["sentence"], SENTENCE);
    assert_eq!(citation["source"], format!("read by tiny at {}", server.url));
}

#[test]
fn a_server_is_told_the_sentence_the_relations_and_the_schema() {
    let sandbox = sandbox();
    let server = Server::saying(facts(&[]));
    sandbox.run(&["config", "set", "endpoint", &server.url]).done();
    sandbox.run(&["config", "set", "endpoint-model", "tiny"]).done();
    let mut command = sandbox.command(&["add", "--text", SENTENCE, "--endpoint"]);
    command.env("KLEDGER_ENDPOINT_KEY", "sk-geheim");
    let message = sandbox.finish(command, "").failed(1);
    assert!(
        message.contains("no template says this of Anna and Oslo") && !message.contains("geheim"),
        "{message}"
    );
    let asked = server.asked.lock().unwrap();
    let [(head, body)] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer sk-geheim"), "{head}");
    assert_eq!((&body["model"], &body["temperature"]), (&"tiny".into(), &0.into()));
    let told: Value =
        serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    assert_eq!(told["sentence"], SENTENCE);
    let relations = told["relations"].as_array().unwrap();
    assert!(
        relations.contains(&LIVES.into()) && relations.contains(&LIKES.into()),
        "{relations:?}"
    );
    let schema = &body["response_format"]["json_schema"]["schema"];
    let fact = &schema["properties"]["facts"]["items"];
    assert_eq!(fact["properties"]["relation"]["enum"], told["relations"]);
    assert_eq!(fact["additionalProperties"], false);
}

/// What a template says, a question and a sentence that takes back what it says are sent nowhere.
#[test]
fn only_what_no_template_says_is_sent() {
    let sandbox = sandbox();
    let server = Server::saying(facts(&[("Anna", LIKES, "Oslo")]));
    sandbox.write("news.txt", "Anna likes Oslo. Does Anna adore Oslo? Anna may adore Oslo. Anna likes Rome. Anna adores Oslo.");
    let words = [
        "add",
        "--text-file",
        "news.txt",
        "--endpoint",
        &server.url,
        "--endpoint-model",
        "tiny",
        "--accept",
        "--replace",
    ];
    let told = sandbox.data(&words);
    let sent: Vec<String> = server
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| {
            let told: Value =
                serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
            told["sentence"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(sent, ["Anna adores Oslo."]);
    assert_eq!(told["sentences"]["counts"], json!({ "question": 1, "hedged": 1, "ambiguous": 1 }));
    assert_eq!(
        (&told["sentences"]["understood"], &told["sentences"]["proposed"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn what_a_server_invents_is_thrown_away() {
    let sandbox = sandbox();
    for (invented, sentence) in [
        (("Anna", LIKES, "Bergen"), SENTENCE),
        (("Bergen", LIKES, "Oslo"), SENTENCE),
        (("Anna", "{subject} hates {object}", "Oslo"), SENTENCE),
        (("Anna", LIKES, "Anna"), SENTENCE),
        (("Ann", LIKES, "Oslo"), SENTENCE),
        (("", LIKES, "Oslo"), SENTENCE),
        (("Anna", LIKES, "Bergen"), "Anna moved to Bergen."),
        (("Anna", LIKES, "."), "Anna moved to Bergen."),
    ] {
        let server = Server::saying(facts(&[invented]));
        let message = add(&sandbox, &server, sentence, &["--accept"]).failed(1);
        assert!(message.contains("1 sentence says no fact"), "{invented:?}: {message}");
        assert_eq!(sandbox.staged(), Vec::<String>::new(), "{invented:?}");
    }
    let server = Server::saying(facts(&[("Anna", LIKES, "Bergen"), ("Anna", LIKES, "Oslo")]));
    let done = add(&sandbox, &server, SENTENCE, &["--accept", "--replace"]).done();
    assert!(done.contains("1 proposal of the endpoint thrown away"), "{done}");
    // Several are never chosen from.
    sandbox.run(&["reset"]).done();
    let server = Server::saying(facts(&[("Anna", LIKES, "Oslo"), ("Anna", LIVES, "Oslo")]));
    let message = add(&sandbox, &server, SENTENCE, &["--accept"]).failed(1);
    assert!(message.contains("proposes 2 facts"), "{message}");
    let server = Server::saying(facts(&[("Anna", LIKES, "Rome")]));
    let message =
        add(&sandbox, &server, "Anna adores old Rome and its cats.", &["--accept"]).failed(1);
    assert!(message.contains("<https://example.org/Rome_NY>"), "{message}");
    assert_eq!(sandbox.staged(), Vec::<String>::new());
}

#[test]
fn new_names_are_said_to_be_new_and_go_under_a_base() {
    let sandbox = sandbox();
    let server = Server::saying(facts(&[("Anna", LIVES, "Bad Ems")]));
    let base = ["--base", "https://example.org/"];
    let sentence = "Anna moved to Bad Ems.";
    assert_snapshot!(add(&sandbox, &server, sentence, &base).failed(1), @r#"
    error: 1 sentence says no fact
      text:1: "Anna moved to Bad Ems.": tiny at URL proposes a fact
        1  Anna / lives / Bad Ems  <https://example.org/Anna> <https://example.org/lives> <https://example.org/Bad_Ems> .  new: Bad Ems
    hint: --accept takes what the endpoint proposes, where that is one fact
    "#);
    let done = add(&sandbox, &server, sentence, &[&base[..], &["--accept"]].concat()).done();
    assert!(done.starts_with("Staged 1 fact (1 in place of another), 1 label"), "{done}");
    assert_eq!(
        sandbox.staged(),
        [
            "+ <https://example.org/Anna> <https://example.org/lives> <https://example.org/Bad_Ems> ."
        ]
    );
}

#[test]
fn a_server_that_says_nonsense_leaves_nothing() {
    let sandbox = sandbox();
    let long = format!("{{\"facts\": [], \"more\": \"{}\"}}", "x".repeat(2 << 20));
    let escape = "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\nConnection: close\r\n\r\n\u{1b}[31mred!";
    let nested = completion(&format!("{{\"facts\": {}", "[".repeat(100_000)));
    for (reply, part) in [
        (Some(ok("no JSON")), "makes no sense: it is no chat completion"),
        (Some(ok("{\"choices\": []}")), "makes no sense: it has no choice"),
        (Some(ok(&completion("Sure! Anna likes Oslo."))), "its content does not keep to the schema"),
        (Some(ok(&completion("{\"facts\": [{\"subject\": 1}]}"))), "its content does not keep to the schema"),
        (Some(ok(&nested)), "its content does not keep to the schema"),
        (Some(ok(&completion(&long))), "makes no sense: it is longer than 1 MiB"),
        (Some("HTTP/1.1 401 No\r\nContent-Length: 7\r\nConnection: close\r\n\r\nbad key".to_owned()), "answers 401: bad key"),
        (Some(escape.to_owned()), "answers 500: "),
        (Some("HTTP/1.1 302 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()), "answers 302: "),
        (Some("nonsense".to_owned()), "does not answer: "),
        (None, "does not answer: "),
    ] {
        let server = Server::start(move |_| reply.clone());
        let before = sandbox.state();
        let message = add(&sandbox, &server, SENTENCE, &["--accept", "--timeout", "2"]).failed(1);
        assert!(message.contains(part), "{part:?} is not in {message}");
        assert!(message.contains("hint: ") && !message.contains('\u{1b}'), "{message:?}");
        assert_eq!(before, sandbox.state());
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server { url: format!("http://{gone}/v1"), asked: Arc::default() };
    let message = add(&sandbox, &server, SENTENCE, &["--accept"]).failed(1);
    assert!(message.contains("does not answer: "), "{message}");
}

#[test]
fn options_are_for_endpoints() {
    let sandbox = sandbox();
    sandbox.misused(&[
        &["add", "--text", SENTENCE, "--accept"],
        &["add", "--text", SENTENCE, "--endpoint-model", "tiny"],
        &["add", "--prompt", "Anna likes", "--answer", "Oslo", "--endpoint", "http://localhost/v1"],
        &["add", "--text", SENTENCE, "--endpoint", "http://localhost/v1", "--pick", "1"],
        &[
            "add",
            "--sql",
            "x.db",
            "--base",
            "https://example.org/",
            "--endpoint",
            "http://localhost/v1",
        ],
        &["add", "--sql", "x.db", "--base", "https://example.org/", "--rank"],
        &["add", "--text", SENTENCE, "--base", "https://example.org/"],
        &["add", "--text", SENTENCE, "--timeout", "1"],
    ]);
    sandbox.refused(
        &["add", "--text", SENTENCE, "--endpoint"],
        2,
        &["nothing says which endpoint", "hint: "],
    );
    for url in [
        "localhost:8080",
        "ftp://host/v1",
        "http://",
        "http://u:geheim@host/v1",
        "http://host/v1?key=geheim",
    ] {
        let words = ["add", "--text", SENTENCE, "--endpoint", url, "--endpoint-model", "tiny"];
        sandbox.refused(&words, 1, &["is no address of an endpoint"]);
        assert!(!sandbox.run(&words).stderr.contains("u:geheim"));
    }
}
