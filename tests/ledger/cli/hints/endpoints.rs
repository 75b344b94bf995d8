//! Endpoints that say nothing, or something that is to be taken.

use super::{
    super::add_endpoint::{LIKES, SENTENCE, Server, facts, sandbox},
    advised,
};

#[test]
fn an_endpoint_is_named_reached_and_accepted() {
    let sandbox = sandbox();
    let good = Server::saying(facts(&[("Anna", LIKES, "Oslo")]));
    let staged = "Staged 1 fact";
    let hint = "--endpoint URL --endpoint-model NAME, or once: kledger config set endpoint URL, kledger config set \
                endpoint-model NAME";
    let advice = advised(
        &sandbox,
        &["add", "--text", SENTENCE, "--replace", "--accept", "--endpoint"],
        hint,
    );
    advice.run("kledger config set endpoint URL", &[("URL", &good.url)]);
    advice.run("kledger config set endpoint-model NAME", &[("NAME", "tiny")]);
    assert!(advice.again().starts_with(staged));
    sandbox.run(&["reset"]).done();
    let hint = "name what is before /chat/completions, as http://localhost:8080/v1; a key goes into KLEDGER_ENDPOINT_KEY";
    let with =
        |url: &'static str| ["add", "--text", SENTENCE, "--replace", "--accept", "--endpoint", url];
    advised(&sandbox, &with("localhost:8080"), hint);
    let hint = "see whether the server runs; --timeout SECONDS gives it longer";
    advised(&sandbox, &with("http://127.0.0.1:1/v1"), hint);
    let answer = |text: &str| {
        let text = text.to_owned();
        Server::start(move |_| Some(text.clone()))
    };
    let refusing = answer("HTTP/1.1 404 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    let hint = "see whether the model is one of the server's: --endpoint-model NAME; its key is that of KLEDGER_ENDPOINT_KEY";
    let asked = ["add", "--text", SENTENCE, "--endpoint", &refusing.url];
    advised(&sandbox, &asked, hint);
    let senseless = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    let hint = "the model has to keep to a JSON schema (response_format); another may: --endpoint-model NAME";
    let asked = ["add", "--text", SENTENCE, "--endpoint", &senseless.url];
    advised(&sandbox, &asked, hint);
    let hint = "--accept takes what the endpoint proposes, where that is one fact";
    let asked = ["add", "--text", SENTENCE, "--replace", "--endpoint", &good.url];
    assert!(advised(&sandbox, &asked, hint).with(&["--accept"]).starts_with(staged));
}
