//! Which module may name which: the sources against the floors that ARCHITECTURE.md draws.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use regex::Regex;

use crate::support::rust_files;

/// A module's path, without `crate`.
type Module = Vec<String>;
/// What each module names.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// As many files may name each other in a circle: a type and its parts, an error and what meets it.
const CIRCLE: usize = 3;

/// The sources, and what their `use` declarations name.
struct Sources {
    texts: BTreeMap<Module, String>,
    used: BTreeMap<Module, Vec<Module>>,
}

impl Sources {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let comment = Regex::new("(?m)//.*$").unwrap();
        let mut texts = BTreeMap::new();
        for path in rust_files(&src) {
            let name = path.strip_prefix(&src).unwrap().with_extension("");
            let mut module: Module =
                name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if module.iter().any(|part| part == "tests") {
                continue;
            }
            match module.last().unwrap().as_str() {
                "main" => continue,
                "mod" | "lib" => drop(module.pop()),
                _ => {}
            }
            let text = fs::read_to_string(path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            texts.insert(module, comment.replace_all(text, "").into_owned());
        }
        let mut sources = Self { texts, used: BTreeMap::new() };
        for (module, text) in &sources.texts {
            let used = sources.named_in(module, text);
            sources.used.insert(module.clone(), used);
        }
        sources
    }

    /// The paths that a file names, from the crate's root.
    fn named_in(&self, module: &Module, text: &str) -> Vec<Module> {
        let declaration = Regex::new(r"(?ms)^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
        let inline = Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap();
        let declared = declaration.captures_iter(text).flat_map(|found| leaves(&found[1]));
        let body = declaration.replace_all(text, "");
        let inlined = inline.find_iter(&body).map(|found| found.as_str().to_owned());
        declared.chain(inlined).filter_map(|path| self.rooted(module, &path)).collect()
    }

    /// A path that `module` writes, from the crate's root; `None` when it is another crate's.
    fn rooted(&self, module: &Module, path: &str) -> Option<Module> {
        let mut parts = path.split("::").map(str::trim).filter(|part| *part != "self").peekable();
        let mut from = module.clone();
        match *parts.peek()? {
            "crate" => {
                from.clear();
                parts.next();
            }
            "super" => {
                while parts.next_if_eq(&"super").is_some() {
                    from.pop();
                }
            }
            first => {
                let child = [&module[..], &[first.to_owned()]].concat();
                self.texts.get(&child)?;
            }
        }
        Some(from.into_iter().chain(parts.map(str::to_owned)).collect())
    }

    /// The file that defines what a path names: re-exports are followed.
    fn defining(&self, path: &Module, depth: usize) -> Module {
        let length = (0..=path.len()).rev().find(|&n| self.texts.contains_key(&path[..n])).unwrap();
        let module = path[..length].to_vec();
        let Some(name) = path.get(length).filter(|_| depth < 8) else { return module };
        let exported = self.used.get(&module).into_iter().flatten();
        match exported.into_iter().find(|used| used.last() == Some(name) && *used != path) {
            Some(used) => self.defining(used, depth + 1),
            None => module,
        }
    }

    /// What each file names of other files. A module's file does not count for naming its children.
    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (module, used) in &self.used {
            let own = |path: &&Module| !path.starts_with(module) || path.len() == module.len();
            let defining = used.iter().filter(own).map(|path| self.defining(path, 0));
            let others = defining.filter(|other| other != module && !other.is_empty());
            imports.insert(module.clone(), others.collect());
        }
        imports
    }
}

/// The paths of a `use` declaration.
fn leaves(tree: &str) -> Vec<String> {
    let Some((start, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let inner = &rest[..rest.rfind('}').unwrap()];
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in inner.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{}{}", start.trim(), part.trim()))).collect()
}

/// The lines `name -> others` of ARCHITECTURE.md below this heading.
fn drawn(heading: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(heading).unwrap();
    let lines = section.lines().skip_while(|line| !line.contains(" -> "));
    let lines = lines.take_while(|line| line.contains(" -> "));
    let others = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
    lines
        .map(|line| line.split_once(" -> ").unwrap())
        .map(|(name, named)| (name.trim().to_owned(), others(named)))
        .collect()
}

/// What is named across the parts that `part` divides the files into.
fn between(
    imports: &Imports,
    part: impl Fn(&Module) -> Option<String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, others) in imports {
        let Some(own) = part(module) else { continue };
        let others = others.iter().filter_map(&part).filter(|other| *other != own);
        let others: Vec<String> = others.collect();
        named.entry(own).or_default().extend(others);
    }
    named.retain(|_, others| !others.is_empty());
    named
}

#[test]
fn the_floors_are_those_that_are_drawn() {
    let imports = Sources::read().imports();
    let floors = between(&imports, |module| module.first().cloned());
    assert_eq!(floors, drawn("### Floors"));
    let rooms = between(&imports, |module| {
        let is_in_room =
            module.len() > 2 || module.last().is_some_and(|name| ROOMS.contains(&&**name));
        (module.first()? == "ledger" && is_in_room).then(|| module[1].clone())
    });
    assert_eq!(rooms, drawn("### Rooms of the ledger"));
}

/// The directories of `src/ledger`.
const ROOMS: [&str; 10] = [
    "state", "lineage", "history", "report", "edit", "merge", "exchange", "evaluate", "forget",
    "verb",
];

/// A floor names those below it, and none above.
#[test]
fn no_arrow_points_up() {
    for heading in ["### Floors", "### Rooms of the ledger"] {
        let drawn = drawn(heading);
        let mut below: BTreeSet<&str> = BTreeSet::new();
        while below.len() < drawn.len() {
            let next = drawn.iter().find(|(name, others)| {
                let is_known =
                    |other: &String| !drawn.contains_key(other) || below.contains(&**other);
                !below.contains(&***name) && others.iter().all(is_known)
            });
            let (name, _) = next.unwrap_or_else(|| panic!("a circle above {below:?}"));
            below.insert(name);
        }
    }
}

#[test]
fn no_circle_of_files_is_large() {
    let mut imports = Sources::read().imports();
    // Arguments of the command line name the verbs, and the verbs their arguments.
    imports.retain(|module, _| module.first().is_some_and(|first| first != "cli"));
    let reachable: Imports = imports
        .keys()
        .map(|module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![module]);
            while let Some(at) = open.pop() {
                let new =
                    imports.get(at).into_iter().flatten().filter(|next| !seen.contains(*next));
                let new: Vec<_> = new.collect();
                seen.extend(new.iter().copied().cloned());
                open.extend(new);
            }
            (module.clone(), seen)
        })
        .collect();
    for (module, there) in &reachable {
        let back =
            |other: &&Module| reachable.get(*other).is_some_and(|seen| seen.contains(module));
        let circle: Vec<_> = there.iter().filter(back).map(|other| other.join("/")).collect();
        assert!(circle.len() <= CIRCLE, "{circle:?} name each other");
    }
}
