//! Measures MEMIT settings on a base: `tune BASE WORLD EDITS.nt TOKENS "settings;..." ...`; a `*` before settings: ten commits of ten.
use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, sync::Arc, time::Instant};

use kledger::{
    checkpoint::Checkpoint, delta::*, engine::TorchEngine, fact::Request, ledger::*,
    model::DeviceChoice,
};
use oxrdfio::{RdfFormat, RdfParser};

fn quads(path: &Path, format: RdfFormat) -> Vec<(String, String, String, bool)> {
    RdfParser::from_format(format)
        .for_reader(BufReader::new(File::open(path).unwrap()))
        .map(|q| {
            let q = q.unwrap();
            let s = match &q.subject {
                oxrdf::NamedOrBlankNode::NamedNode(n) => n.as_str().to_owned(),
                _ => unreachable!(),
            };
            let (lit, o) = match &q.object {
                oxrdf::Term::NamedNode(n) => (false, n.as_str().to_owned()),
                oxrdf::Term::Literal(l) => (true, l.value().to_owned()),
                _ => unreachable!(),
            };
            (s, q.predicate.as_str().to_owned(), o, lit)
        })
        .collect()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (base, world, edits, tokens) = (&args[0], &args[1], &args[2], args[3].parse().unwrap());
    let mut labels = BTreeMap::new();
    let mut prompts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut paras: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut facts = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(world).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for p in files.iter().filter(|p| p.extension().is_some_and(|e| e == "ttl")) {
        for (s, p, o, lit) in quads(p, RdfFormat::Turtle) {
            match p.as_str() {
                "http://www.w3.org/2000/01/rdf-schema#label" => drop(labels.insert(s, o)),
                "https://kledger.dev/ns#prompt" => prompts.entry(s).or_default().push(o),
                "https://kledger.dev/ns#paraphrase" => paras.entry(s).or_default().push(o),
                _ => facts.push((s, p, o, lit)),
            }
        }
    }
    let word = |o: &str, lit: bool| if lit { o.to_owned() } else { labels[o].clone() };
    let wanted = quads(Path::new(edits), RdfFormat::NTriples);
    let requests: Vec<Request> = wanted
        .iter()
        .map(|(s, p, o, lit)| Request {
            prompt: prompts[p][0].clone(),
            subject: labels[s].clone(),
            target: word(o, *lit),
            paraphrases: paras[p].clone(),
        })
        .collect();
    let edited: Vec<(&str, &str)> = wanted.iter().map(|w| (&*w.0, &*w.1)).collect();
    let mut neighbours = Vec::new();
    for (_, p, ..) in &wanted {
        let of: Vec<_> =
            facts.iter().filter(|f| f.1 == *p && !edited.contains(&(&f.0, &f.1))).collect();
        let step = (of.len() / 8).max(1);
        for f in of.iter().step_by(step) {
            neighbours.push(Probe {
                prompt: prompts[p][0].replace("{subject}", &labels[&f.0]),
                expected: word(&f.2, f.3),
            });
        }
    }
    neighbours.sort_by(|a, b| a.prompt.cmp(&b.prompt));
    neighbours.dedup();
    // Other facts of the edited subjects.
    let mut siblings = Vec::new();
    for f in &facts {
        if edited.iter().any(|(s, p)| *s == f.0 && *p != f.1) {
            siblings.push(Probe {
                prompt: prompts[&f.1][0].replace("{subject}", &labels[&f.0]),
                expected: word(&f.2, f.3),
            });
        }
    }
    let held: Vec<Probe> =
        requests.iter().map(|r| Probe { prompt: r.text(), expected: r.target.clone() }).collect();
    let para: Vec<Probe> = requests
        .iter()
        .flat_map(|r| {
            r.paraphrases.iter().map(|p| Probe {
                prompt: p.replace("{subject}", &r.subject),
                expected: r.target.clone(),
            })
        })
        .collect();

    let dir = Path::new(base);
    let mut engine = TorchEngine::open(dir, DeviceChoice::Cpu, Dtype::F32).unwrap();
    let checkpoint = Arc::new(Checkpoint::open(dir).unwrap());
    let layers = checkpoint.config()["n_layer"].as_u64().unwrap();
    let all = format!("layers = {:?}", (0..layers - 1).collect::<Vec<_>>());
    let t = Instant::now();
    let stats =
        engine.statistics(&all, &StatisticsText::Sampled { seed: 1, tokens }, &mut Silent).unwrap();
    println!("statistics of {} tokens: {:.1?}", stats.tokens, t.elapsed());
    let prefixes = engine.prefixes("", 1).unwrap();
    println!("{prefixes:?}");
    let before = engine.answer(&neighbours, &mut Silent).unwrap();
    let sib_before = engine.answer(&siblings, &mut Silent).unwrap();
    let share = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
    let right = |a: &[Answer]| a.iter().filter(|a| a.matches).count();
    println!(
        "{} requests, {} paraphrases, {} neighbours (base right {:.1}), {} siblings (base right {:.1})",
        held.len(),
        para.len(),
        neighbours.len(),
        share(right(&before), before.len()),
        siblings.len(),
        share(right(&sib_before), sib_before.len())
    );
    for config in &args[4..] {
        let t = Instant::now();
        let (size, text) = match config.strip_prefix('*') {
            Some(text) => (requests.len().div_ceil(10), text),
            None => (requests.len(), config.as_str()),
        };
        let settings = engine.settings("memit", &text.replace(';', "\n")).unwrap();
        let mut version = Version { base: checkpoint.clone(), deltas: Vec::new() };
        let (mut steps, mut loss, mut prob, mut notes) = (0.0, 0.0, 0.0, Vec::new());
        for batch in requests.chunks(size) {
            let job = EditJob {
                editor: "memit",
                settings: &settings,
                prefixes: &prefixes,
                second_moments: &stats.second_moments,
                version: &version,
                requests: batch,
                known_z: &[],
            };
            let out = engine.edit(&job, &mut Silent).unwrap();
            notes.extend(out.notes);
            for t in out.traces.iter().flatten() {
                steps += f64::from(t.steps) / requests.len() as f64;
                loss += f64::from(t.loss) / requests.len() as f64;
                prob += f64::from(t.probability) / requests.len() as f64;
            }
            let changes = out.layers.into_iter().map(|(n, e)| {
                let form = ChangeForm::LowRank { left: e.left, right: e.right };
                (n, Change { orientation: Orientation::InOut, form, keys: Some(e.keys) })
            });
            version
                .deltas
                .push(Arc::new(LoadedDelta { changes: changes.collect(), dropped: vec![] }));
        }
        let took = t.elapsed();
        let weights = version.materialise().unwrap();
        engine.set_weights(&weights).unwrap();
        let e = engine.answer(&held, &mut Silent).unwrap();
        let p = engine.answer(&para, &mut Silent).unwrap();
        let n = engine.answer(&neighbours, &mut Silent).unwrap();
        let s = engine.answer(&siblings, &mut Silent).unwrap();
        engine.set_weights(&BTreeMap::new()).unwrap();
        let same = |a: &[Answer], b: &[Answer]| {
            share(a.iter().zip(b).filter(|(a, b)| a.text == b.text).count(), a.len())
        };
        println!(
            "{config}: eff {:.1} para {:.1} neigh {:.1} sibl {:.1} | steps {steps:.1} loss {loss:.3} p {prob:.3} {took:.1?} {}",
            share(right(&e), e.len()),
            share(right(&p), p.len()),
            same(&before, &n),
            same(&sib_before, &s),
            notes.len()
        );
        if std::env::var("SHOW").is_ok() {
            for (q, a) in held.iter().zip(&e).chain(para.iter().zip(&p)).filter(|(_, a)| !a.matches)
            {
                println!(
                    "   {} -> {} (wanted {}, p {:.3})",
                    q.prompt, a.text, q.expected, a.probability
                );
            }
            for ((q, a), b) in
                neighbours.iter().zip(&n).zip(&before).filter(|((_, a), b)| a.text != b.text)
            {
                println!("   N {} -> {} (was {}, true {})", q.prompt, a.text, b.text, q.expected);
            }
        }
    }
}
