//! A PostgreSQL of the test's own.

use std::{
    fs,
    io::{self, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use postgres::{Client, NoTls};
use tempfile::TempDir;

/// A server in a directory of its own, on a socket there. It ends with the test.
pub(crate) struct Server {
    dir: TempDir,
    process: Child,
    port: u16,
}

impl Server {
    /// Starts one, whose user is `me`; nothing where it cannot, which is said aloud.
    pub(crate) fn start() -> Option<Self> {
        Self::or_skip(Self::started(|_| Ok(Vec::new())))
    }

    /// Starts one that listens on a port of this machine and speaks there in secret alone. Its certificate is one of an
    /// authority whose own is in the file `authority` beside its socket.
    pub(crate) fn start_in_secret() -> Option<(Self, u16)> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Self::started(|dir| {
            certify(dir)?;
            let data = dir.join("data");
            fs::write(
                data.join("pg_hba.conf"),
                "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
            )
            .map_err(|error| error.to_string())?;
            let file = |name: &str| dir.join(name).display().to_string();
            Ok(vec![
                "listen_addresses=127.0.0.1".to_owned(),
                format!("port={port}"),
                "ssl=on".to_owned(),
                format!("ssl_cert_file={}", file("server.crt")),
                format!("ssl_key_file={}", file("server.key")),
            ])
        });
        Some((Self::or_skip(started)?, port))
    }

    fn or_skip(started: Result<Self, String>) -> Option<Self> {
        match started {
            Ok(server) => Some(server),
            Err(why) => {
                // Not to where the test's own output is caught.
                let _said = writeln!(io::stderr(), "SKIPPED: a test with PostgreSQL: {why}");
                None
            }
        }
    }

    /// Starts one with settings that `prepare` gives, which may change its directory.
    fn started(prepare: impl Fn(&Path) -> Result<Vec<String>, String>) -> Result<Self, String> {
        let programs =
            programs().ok_or("it is not installed (sudo apt-get install postgresql)".to_owned())?;
        let dir = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let data = dir.path().join("data");
        let user = user()?;
        if let Some(user) = &user {
            succeeds(Command::new("chown").arg(user).arg(dir.path()))?;
        }
        let made = programs.join("initdb");
        succeeds(
            as_user(user.as_deref(), &made)
                .args(["-A", "trust", "-U", "me", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
                .arg(&data),
        )?;
        let settings = prepare(dir.path())?;
        if let Some(user) = &user {
            succeeds(Command::new("chown").arg("-R").arg(user).arg(dir.path()))?;
        }
        let given = |name: &str| {
            settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='))
        };
        let port = given("port").map_or(5432, |port| port.parse().unwrap());
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let process = as_user(user.as_deref(), &programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=20"])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut server = Self { dir, process, port };
        for _ in 0..600 {
            if Client::connect(&server.words("postgres"), NoTls).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.process.try_wait().unwrap() {
                let log = fs::read_to_string(server.dir.path().join("log")).unwrap_or_default();
                return Err(format!("it ended with {status}: {log}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("it did not answer for a minute".to_owned())
    }

    /// Where its socket is.
    pub(crate) fn host(&self) -> &Path {
        self.dir.path()
    }

    /// A database as libpq names it.
    fn words(&self, database: &str) -> String {
        format!("host={} port={} user=me dbname={database}", self.host().display(), self.port)
    }

    /// A database as a URL.
    pub(crate) fn url(&self, database: &str) -> String {
        let host = self.host().display().to_string().replace('/', "%2F");
        format!("postgres://me@{host}/{database}")
    }

    /// A connection with a database.
    pub(crate) fn client(&self, database: &str) -> Client {
        Client::connect(&self.words(database), NoTls).unwrap()
    }

    /// Makes a database by a script.
    pub(crate) fn create(&self, database: &str, script: &str) {
        let create = format!("CREATE DATABASE {database}");
        self.client("postgres").batch_execute(&create).unwrap();
        self.run(database, script);
    }

    /// Runs a script.
    pub(crate) fn run(&self, database: &str, script: &str) {
        self.client(database).batch_execute(script).unwrap();
    }

    /// Ends it, as a crash does.
    pub(crate) fn kill(&mut self) {
        let id = self.process.id().to_string();
        // At once, with all that it started; what is already gone is gone.
        let _ended = Command::new("kill").args(["-QUIT", &id]).status();
        let _status = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes an authority, and a certificate of it for a server on this machine.
fn certify(dir: &Path) -> Result<(), String> {
    let openssl =
        |words: &str| succeeds(Command::new("openssl").args(words.split(' ')).current_dir(dir));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    openssl(&format!(
        "req -x509 {key} -keyout authority.key -out authority -subj /CN=authority -days 2"
    ))?;
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"))?;
    openssl(
        "x509 -req -in server.csr -CA authority -CAkey authority.key -CAcreateserial -out server.crt -days 2 -extfile names",
    )?;
    succeeds(Command::new("chmod").args(["600", "server.key"]).current_dir(dir))
}

/// Where the newest of the server's programs are.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|dir| dir.join("initdb").exists());
    // Links to programs that look for others beside them do not do.
    let real = on_path.and_then(|dir| dir.join("initdb").canonicalize().ok());
    let real = real.and_then(|program| program.parent().map(Path::to_owned));
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        })
        .filter(|(_, dir)| dir.join("initdb").exists())
        .collect();
    debian.sort();
    debian.pop().map(|(_, dir)| dir).or(real)
}

/// Who runs it, where the test is run by root, whom PostgreSQL refuses.
fn user() -> Result<Option<String>, String> {
    let who = Command::new("id").arg("-u").output().map_err(|error| error.to_string())?;
    if who.stdout.trim_ascii() != b"0" {
        return Ok(None);
    }
    let is_known = |user: &&str| {
        Command::new("id").arg(user).output().is_ok_and(|found| found.status.success())
    };
    let other = ["postgres", "nobody"].into_iter().find(is_known);
    other.map(|user| Some(user.to_owned())).ok_or_else(|| "there is no user for it".to_owned())
}

/// A program that another user runs, and that ends with the test.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if let Some(user) = user {
        command.arg(format!("--reuid={user}"));
        let group = Command::new("id").args(["-g", user]).output().unwrap().stdout;
        let group = String::from_utf8(group).unwrap();
        command.arg(format!("--regid={}", group.trim())).arg("--clear-groups");
    }
    command.arg(program).current_dir("/");
    command
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr))),
    }
}
