//! What a user names a database by: a file, or a server with a database of PostgreSQL.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ::postgres::{
    Config,
    config::{Host, SslMode},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::SqlError;

/// How long a server may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The port of PostgreSQL.
const PORT: u16 = 5432;
/// Where servers put their sockets.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];
/// Words by which libpq names a database.
const WORDS: [&str; 6] = ["host=", "hostaddr=", "port=", "dbname=", "user=", "application_name="];

/// A database by its place.
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL.
    Server(Box<Login>),
}

/// How a server is reached, and by whom.
pub struct Login {
    pub(super) config: Config,
    name: String,
}

/// What holds where an address does not say it: libpq's environment.
#[derive(Default)]
pub struct ServerDefaults {
    /// `PGHOST`.
    pub host: Option<String>,
    /// `PGPORT`.
    pub port: Option<String>,
    /// `PGDATABASE`.
    pub database: Option<String>,
    /// `PGUSER`.
    pub user: Option<String>,
    /// `PGPASSWORD`.
    pub password: Option<String>,
    /// `PGSSLMODE`.
    pub ssl_mode: Option<String>,
    /// `PGPASSFILE`, else `~/.pgpass`.
    pub password_file: Option<PathBuf>,
}

impl Address {
    /// What a user means by `text`: `crm.db`, `sqlite:crm.db`, `postgres://host/crm`, `host=... dbname=crm`.
    ///
    /// # Errors
    /// When it is a database of another kind, an address that makes no sense, or has a password in it.
    pub fn parse(text: &str, defaults: &ServerDefaults) -> Result<Self, SqlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::File(path.into()));
        }
        let is_url = ["postgres://", "postgresql://"].iter().any(|kind| text.starts_with(kind));
        let words = ["postgres:", "postgresql:"].iter().find_map(|kind| text.strip_prefix(kind));
        let words =
            words.or_else(|| WORDS.iter().any(|word| text.starts_with(word)).then_some(text));
        if is_url || words.is_some() {
            let text = if is_url { text } else { words.unwrap_or(text) };
            return Ok(Self::Server(Box::new(Login::parse(text, defaults)?)));
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme.is_some_and(|scheme| !scheme.contains('/')) || text.starts_with("mysql:") {
            // It may have a password.
            true => Err(SqlError::Kind { name: scheme.unwrap_or("mysql").to_owned() + "://" }),
            false => Ok(Self::File(text.into())),
        }
    }
}

impl Login {
    fn parse(text: &str, defaults: &ServerDefaults) -> Result<Self, SqlError> {
        let wrong = |why: String| SqlError::Address { why };
        let config: Result<Config, _> = text.parse();
        let mut config = config.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            wrong(source.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_password().is_some() {
            return Err(SqlError::Password);
        }
        if config.get_hosts().len() > 1 || config.get_hostaddrs().len() > 1 {
            return Err(wrong("it names several servers, and facts come from one".to_owned()));
        }
        if config.get_ports().is_empty() {
            let port = defaults.port.as_deref().map_or(Ok(PORT), str::parse);
            config.port(port.map_err(|_| wrong("PGPORT is no port".to_owned()))?);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            let socket = format!(".s.PGSQL.{}", config.get_ports()[0]);
            let here = SOCKETS.iter().find(|dir| Path::new(dir).join(&socket).exists());
            let here = here.map_or("localhost", |dir| dir);
            config.host(defaults.host.as_deref().unwrap_or(here));
        }
        if config.get_user().is_none()
            && let Some(user) = &defaults.user
        {
            config.user(user);
        }
        if config.get_dbname().is_none() {
            let database =
                defaults.database.clone().or_else(|| config.get_user().map(str::to_owned));
            let database = database.ok_or_else(|| wrong("it says no database".to_owned()))?;
            config.dbname(&database);
        }
        let said = defaults.ssl_mode.as_deref().filter(|_| !text.contains("sslmode"));
        config.ssl_mode(match said {
            Some("disable") => SslMode::Disable,
            Some("allow" | "prefer") => SslMode::Prefer,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(_) => return Err(wrong("PGSSLMODE is no mode of encryption".to_owned())),
            None if text.contains("sslmode") => config.get_ssl_mode(),
            None if is_here(&config) => SslMode::Disable,
            None => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        // A server that vanished without a word is noticed.
        config.keepalives_idle(PATIENCE).keepalives_interval(PATIENCE).keepalives_retries(3);
        config.application_name("kledger");
        let (host, port, database) = place(&config);
        let of_file = || {
            let file = defaults.password_file.as_deref()?;
            password(file, [&host, &port.to_string(), &database, config.get_user()?])
        };
        if let Some(password) = defaults.password.clone().or_else(of_file) {
            config.password(password);
        }
        let encoded = |part: &str| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string();
        let host = if host.starts_with('/') { encoded(&host) } else { host };
        let port = if port == PORT { String::new() } else { format!(":{port}") };
        let database = encoded(&database).replace("%5F", "_").replace("%2D", "-");
        let name = format!("postgres://{host}{port}/{database}");
        Ok(Self { config, name })
    }

    /// What the database is called, without who reads it: `postgres://host/crm`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Host, port and database.
fn place(config: &Config) -> (String, u16, String) {
    let host = match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Tcp(host), ..], _) => host.clone(),
        ([Host::Unix(dir), ..], _) => dir.to_string_lossy().into_owned(),
        ([], [address, ..]) => address.to_string(),
        ([], []) => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    (host, port, config.get_dbname().unwrap_or_default().to_owned())
}

/// Whether the server is on this machine, so that nobody else hears what is said.
fn is_here(config: &Config) -> bool {
    let is_address = |host: &str| host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let is_host = match config.get_hosts() {
        [Host::Tcp(host), ..] => host == "localhost" || is_address(host),
        [Host::Unix(_), ..] | [] => true,
    };
    is_host && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// The password of a file as libpq has it, if nobody else can read the file.
fn password(file: &Path, wanted: [&str; 4]) -> Option<String> {
    if !is_private(file) {
        return None;
    }
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| of_line(line, wanted))
}

fn of_line(line: &str, wanted: [&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => field.extend(characters.next()),
            ':' if fields.len() < wanted.len() => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    let is_meant = fields.len() == wanted.len()
        && fields.iter().zip(wanted).enumerate().all(|(at, (field, wanted))| {
            let socket = at == 0 && wanted.starts_with('/') && field == "localhost";
            field == "*" || field == wanted || socket
        });
    is_meant.then_some(field)
}

#[cfg(unix)]
fn is_private(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str, defaults: &ServerDefaults) -> Result<Login, String> {
        match Address::parse(text, defaults) {
            Ok(Address::Server(login)) => Ok(*login),
            Ok(Address::File(file)) => Err(format!("the file {}", file.display())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_database_has_one_name_however_it_is_named() {
        let defaults = ServerDefaults {
            host: Some("db.example.org".to_owned()),
            user: Some("ada".to_owned()),
            ..ServerDefaults::default()
        };
        for (text, name) in [
            ("postgres://db.example.org/crm", "postgres://db.example.org/crm"),
            (
                "postgresql://bob@db.example.org:5432/crm?sslmode=disable",
                "postgres://db.example.org/crm",
            ),
            ("postgres:///crm", "postgres://db.example.org/crm"),
            ("postgres:dbname=crm", "postgres://db.example.org/crm"),
            ("dbname=crm user=bob", "postgres://db.example.org/crm"),
            ("host=localhost port=6000 dbname='a b'", "postgres://localhost:6000/a%20b"),
            ("postgres://%2Ftmp%2Fx/crm_1", "postgres://%2Ftmp%2Fx/crm_1"),
            ("host=/tmp/x dbname=crm_1", "postgres://%2Ftmp%2Fx/crm_1"),
            ("postgres://", "postgres://db.example.org/ada"),
        ] {
            assert_eq!(
                login(text, &defaults).map(|login| login.name),
                Ok(name.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn other_machines_are_spoken_to_in_secret() {
        for (text, mode) in [
            ("postgres://db.example.org/crm", SslMode::Require),
            ("postgres://db.example.org/crm?sslmode=disable", SslMode::Disable),
            ("postgres://db.example.org/crm?sslmode=prefer", SslMode::Prefer),
            ("postgres://localhost/crm", SslMode::Disable),
            ("postgres://127.0.0.1/crm", SslMode::Disable),
            ("host=localhost hostaddr=10.0.0.1 dbname=crm", SslMode::Require),
            ("host=/tmp dbname=crm", SslMode::Disable),
        ] {
            let login = login(text, &ServerDefaults::default()).unwrap();
            assert_eq!(login.config.get_ssl_mode(), mode, "{text}");
        }
    }

    #[test]
    fn passwords_come_from_elsewhere_and_are_not_repeated() {
        let defaults = ServerDefaults::default();
        for text in [
            "postgres://u:geheim@h/db",
            "postgres://h/db?password=geheim",
            "host=h dbname=db password=geheim",
        ] {
            let message = login(text, &defaults).err().unwrap();
            assert!(message.contains("the password is on the command line"), "{message}");
            assert!(!message.contains("geheim"), "{message}");
        }
        for text in
            ["mysql://u:geheim@h/db", "postgres://u:geheim@h:x/db", "host=h port=x password=geheim"]
        {
            let message = login(text, &defaults).err().unwrap();
            assert!(!message.contains("geheim"), "{message}");
        }
        let defaults = ServerDefaults { password: Some("geheim".to_owned()), ..defaults };
        let login = login("postgres://h/db", &defaults).unwrap();
        assert_eq!(login.config.get_password(), Some(b"geheim".as_slice()));
        assert!(!login.name.contains("geheim"));
    }

    #[test]
    fn lines_of_a_password_file_are_read_as_libpq_does() {
        let wanted = ["h", "5432", "db", "u"];
        for (line, password) in [
            ("h:5432:db:u:geheim", Some("geheim")),
            ("*:*:*:*:a:b", Some("a:b")),
            ("*:*:*:*:a\\:\\\\b", Some("a:\\b")),
            ("h:5433:db:u:geheim", None),
            ("#h:5432:db:u:geheim", None),
            ("h:5432:db", None),
        ] {
            assert_eq!(of_line(line, wanted).as_deref(), password, "{line}");
        }
        let socket = of_line("localhost:5432:db:u:x", ["/tmp", "5432", "db", "u"]);
        assert_eq!(socket.as_deref(), Some("x"));
    }

    #[test]
    fn files_are_files() {
        let none = ServerDefaults::default();
        for (text, file) in [
            ("crm.db", "crm.db"),
            ("sqlite:crm.db", "crm.db"),
            ("sqlite:host=x", "host=x"),
            ("a/b://c", "a/b://c"),
        ] {
            assert_eq!(login(text, &none).err().unwrap(), format!("the file {file}"));
        }
    }
}
