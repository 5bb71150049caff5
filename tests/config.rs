//! Configuration files: the documented example is valid; every kind of mistake is answered with
//! the file, the line and what was probably meant.

use rmqtop::config::secret::SecretSource;
use rmqtop::config::{AccessRule, Config, Scheme, file};
use rmqtop::model::inventory::{Access, Keepalived};
use rstest::rstest;
use std::path::{Path, PathBuf};

const ARTICLE: &str = include_str!("config/valid/article.toml");

fn parse(text: &str) -> Result<Config, String> {
    file::parse(Path::new("/etc/rmqtop/config.toml"), text).map_err(|error| error.to_string())
}

/// The article's cluster with one line replaced.
fn with(line: &str, instead: &str) -> String {
    assert!(ARTICLE.contains(line), "the sample has no line {line:?}");
    ARTICLE.replacen(line, instead, 1)
}

#[test]
fn the_articles_cluster_is_read_whole() {
    let config = parse(ARTICLE).unwrap();
    let cluster = config.choose(None).unwrap();
    assert_eq!(
        (cluster.name.as_str(), cluster.access),
        ("prod", AccessRule::ReadWrite)
    );
    assert_eq!(cluster.management.scheme, Scheme::Http);
    assert_eq!(cluster.management.port, 15672);
    assert_eq!(
        cluster.management.password,
        SecretSource::Env("RMQTOP_PASSWORD".into())
    );
    assert_eq!(
        cluster.ssh_config,
        Some(PathBuf::from("/etc/rmqtop/path/to/ssh_config"))
    );
    assert_eq!(
        cluster.inventory.vips,
        vec!["192.168.0.200".parse::<std::net::IpAddr>().unwrap()]
    );
    let hosts = &cluster.inventory.hosts;
    assert_eq!(hosts.len(), 3);
    assert_eq!(hosts[0].address, "192.168.0.12");
    assert_eq!(hosts[0].keepalived, Keepalived::Expected);
    assert_eq!(
        hosts[0].balancer.as_ref().unwrap().backend.as_deref(),
        Some("rabbitmq_cluster")
    );
    assert_eq!(
        hosts[2].address, "192.168.0.15",
        "the host part of the SSH destination"
    );
    assert_eq!(hosts[2].keepalived, Keepalived::Absent);
    assert!(hosts.iter().all(|host| host.access == Access::Ssh));
    assert!(cluster.canary.is_some());
}

#[test]
fn several_vips_are_a_list() {
    let text = with(
        "vip = \"192.168.0.200\"",
        "vip = [\"192.168.0.200\", \"fd00::200\"]",
    );
    assert_eq!(
        parse(&text).unwrap().clusters["prod"].inventory.vips.len(),
        2
    );
}

#[test]
fn a_host_without_ssh_is_reached_by_its_name_and_local_by_loopback() {
    let text = with("ssh = \"root@192.168.0.15\"", "");
    let config = parse(&text).unwrap();
    let host = &config.clusters["prod"].inventory.hosts[2];
    assert_eq!(
        (host.access, host.address.as_str()),
        (Access::None, "rabbit-node3")
    );
    let text = with("ssh = \"root@192.168.0.15\"", "ssh = \"local\"");
    let config = parse(&text).unwrap();
    let host = &config.clusters["prod"].inventory.hosts[2];
    assert_eq!(
        (host.access, host.address.as_str()),
        (Access::Local, "127.0.0.1")
    );
}

#[test]
fn sudo_is_a_matter_of_each_host() {
    let config = parse(ARTICLE).unwrap();
    assert!(config.clusters["prod"].sudo.is_empty());
    let text = with(
        "ssh = \"root@192.168.0.15\"",
        "ssh = \"ops@192.168.0.15\"\nsudo = true",
    );
    let config = parse(&text).unwrap();
    let sudo: Vec<&str> = config.clusters["prod"]
        .sudo
        .iter()
        .map(rmqtop::model::name::HostName::as_str)
        .collect();
    assert_eq!(sudo, ["rabbit-node3"]);
}

/// A second node on the machine of the third.
fn second_node(keys: &str) -> String {
    format!(
        "{ARTICLE}\n[[clusters.prod.hosts]]\nname = \"rabbit-node3b\"\n\
         ssh = \"root@192.168.0.15\"\nnode = \"hare@rabbit-node3\"\n{keys}\n"
    )
}

#[test]
fn two_nodes_of_one_machine_have_their_own_port_and_service() {
    let text = second_node("port = 15673\nservices = { broker = \"rabbitmq-server@2\" }");
    let config = parse(&text).unwrap();
    let inventory = &config.clusters["prod"].inventory;
    let (first, second) = (&inventory.hosts[2], &inventory.hosts[3]);
    assert_eq!(second.machine, first.name);
    assert_eq!(inventory.api.url(second), "http://192.168.0.15:15673/api/");
    assert_eq!(inventory.api.url(first), "http://192.168.0.15:15672/api/");
    assert_eq!(second.services.broker.as_str(), "rabbitmq-server@2");
    assert_eq!(second.services.keepalived.as_str(), "keepalived");
    assert_eq!(inventory.machines().count(), 3);
}

#[rstest]
#[case::same_port(
    "services = { broker = \"rabbitmq-server@2\" }",
    "hosts `rabbit-node3` and `rabbit-node3b` are one machine, and the management port of both \
     nodes is 15672; give each node its own `port`"
)]
#[case::same_service(
    "port = 15673",
    "hosts `rabbit-node3` and `rabbit-node3b` are one machine, and `rabbitmq-server` is the broker \
     service of both; name each with `services = { broker = … }`"
)]
fn two_nodes_of_one_machine_cannot_share(#[case] keys: &str, #[case] message: &str) {
    let error = parse(&second_node(keys)).unwrap_err();
    assert!(error.ends_with(message), "{error}");
}

#[test]
fn one_machine_has_one_keepalived() {
    let text = with(
        "node = \"rabbit@rabbit-node3\"",
        "node = \"rabbit@rabbit-node3\"\nkeepalived = true",
    );
    let second = second_node(
        "port = 15673\nservices = { broker = \"rabbitmq-server@2\" }\nkeepalived = true",
    );
    let text = text + second.strip_prefix(ARTICLE).unwrap();
    let error = parse(&text).unwrap_err();
    assert!(
        error.ends_with(
            "hosts `rabbit-node3` and `rabbit-node3b` are one machine; keep `keepalived = true` on \
             one of them"
        ),
        "{error}"
    );
}

#[rstest]
#[case(
    "services = { broker = \"rabbit*\" }",
    "`rabbit*` is not the name of a systemd service"
)]
#[case("services = { rabbitmq = \"a\" }", "unknown key `rabbitmq`")]
#[case("port = 0", "port of host `rabbit-node3b` is 0; expected 1 to 65535")]
fn a_name_or_port_that_cannot_be_is_refused(#[case] keys: &str, #[case] message: &str) {
    let error = parse(&second_node(keys)).unwrap_err();
    assert!(error.contains(message), "{error}");
    let line = second_node(keys).lines().count();
    assert!(error.contains(&format!("config.toml:{line}:")), "{error}");
}

#[rstest]
#[case::misspelt_key(
    "amqp_port = 5671",
    "ampq_port = 5671",
    7,
    "unknown key `ampq_port`; did you mean `amqp_port`?"
)]
#[case::foreign_key(
    "amqp_port = 5671",
    "turbo = true",
    7,
    "unknown key `turbo`; known keys here: read_only"
)]
#[case::password_in_file(
    "password_env = \"RMQTOP_PASSWORD\"",
    "password = \"secret\"",
    12,
    "a password is never written here; use password_env"
)]
#[case::no_password(
    "password_env = \"RMQTOP_PASSWORD\"",
    "",
    11,
    "no password for user `monitor`"
)]
#[case::two_passwords(
    "password_env = \"RMQTOP_PASSWORD\"",
    "password_env = \"A\"\npassword_file = \"b\"",
    11,
    "several passwords for user `monitor`"
)]
#[case::bad_vip(
    "vip = \"192.168.0.200\"",
    "vip = \"192.168.0\"",
    6,
    "vip: `192.168.0`: invalid IP address"
)]
#[case::one_bad_vip_of_several(
    "vip = \"192.168.0.200\"",
    "vip = [\"192.168.0.200\", \"nohost\"]",
    6,
    "vip: `nohost`: invalid IP address"
)]
#[case::haproxy_without_any_way(
    "haproxy = { stats = \"http://192.168.0.12:8100/stats\", socket = \"/run/haproxy/admin.sock\", backend = \"rabbitmq_cluster\" }",
    "haproxy = {}",
    25,
    "haproxy of host `rabbit-node1` has neither stats nor socket; give stats, or socket with ssh"
)]
#[case::socket_without_ssh(
    "node = \"rabbit@rabbit-node3\"",
    "node = \"rabbit@rabbit-node3\"\n[[clusters.prod.hosts]]\nname = \"lb\"\nhaproxy = { socket = \"/run/haproxy/admin.sock\" }",
    42,
    "haproxy of host `lb` has a socket, but the host has no ssh to read it with"
)]
#[case::a_password_of_nobody(
    "backend = \"rabbitmq_cluster\" }",
    "password_env = \"STATS\" }",
    25,
    "haproxy of host `rabbit-node1` has a password, but no username"
)]
#[case::a_user_without_password(
    "backend = \"rabbitmq_cluster\" }",
    "username = \"mon\" }",
    25,
    "no password for user `mon`: give one of password_env, password_file, password_command"
)]
#[case::an_authority_for_a_plain_page(
    "backend = \"rabbitmq_cluster\" }",
    "ca_file = \"ca.pem\" }",
    25,
    "haproxy.ca_file is for a statistics page over https"
)]
#[case::a_user_without_a_page(
    "haproxy = { stats = \"http://192.168.0.12:8100/stats\", socket",
    "haproxy = { username = \"mon\", password_env = \"STATS\", socket",
    25,
    "haproxy.username is for the statistics page; give stats"
)]
#[case::two_users_of_a_page(
    "haproxy = { stats = \"http://192.168.0.12:8100/stats\", socket",
    "haproxy = { stats = \"http://a:b@192.168.0.12:8100/stats\", username = \"mon\", password_env = \"STATS\", socket",
    25,
    "both name a user; keep haproxy.username"
)]
#[case::a_literal_password(
    "backend = \"rabbitmq_cluster\" }",
    "username = \"mon\", password = \"x\" }",
    25,
    "a password is never written here; use password_env, password_file or password_command"
)]
#[case::bad_node(
    "node = \"rabbit@rabbit-node1\"",
    "node = \"rabbit-node1\"",
    24,
    "`rabbit-node1` is not a node name; expected the form rabbit@host"
)]
#[case::node_twice(
    "node = \"rabbit@rabbit-node3\"",
    "node = \"rabbit@rabbit-node1\"",
    39,
    "is declared on two hosts"
)]
#[case::host_twice(
    "name = \"rabbit-node3\"",
    "name = \"rabbit-node1\"",
    37,
    "host `rabbit-node1` is declared twice"
)]
#[case::option_as_destination(
    "ssh = \"root@192.168.0.15\"",
    "ssh = \"-oProxyCommand=id\"",
    38,
    "expected a destination such as root@192.168.0.12"
)]
#[case::stats_without_scheme(
    "stats = \"http://192.168.0.12:8100/stats\"",
    "stats = \"192.168.0.12:8100\"",
    25,
    "expected a URL such as"
)]
#[case::relative_socket(
    "socket = \"/run/haproxy/admin.sock\"",
    "socket = \"admin.sock\"",
    25,
    "expected an absolute path"
)]
#[case::wrong_default(
    "default_cluster = \"prod\"",
    "default_cluster = \"prd\"",
    2,
    "default_cluster names `prd`, but the clusters are: prod"
)]
#[case::not_toml("amqp_port = 5671", "amqp_port = ", 7, "")]
fn a_mistake_is_named_with_its_line(
    #[case] line: &str,
    #[case] instead: &str,
    #[case] at: usize,
    #[case] message: &str,
) {
    let error = parse(&with(line, instead)).unwrap_err();
    let place = format!("/etc/rmqtop/config.toml:{at}: ");
    assert!(error.starts_with(&place), "{error}\nexpected at {place}");
    assert!(
        error.contains(message),
        "{error}\nexpected to contain {message}"
    );
}

#[test]
fn a_page_over_tls_has_its_authority_and_its_user() {
    let page = "stats = \"https://192.168.0.12:8100/stats\", ca_file = \"lb-ca.pem\", username = \"mon\", password_file = \"lb.secret\"";
    let text = with("stats = \"http://192.168.0.12:8100/stats\"", page);
    let config = parse(&text).unwrap();
    let pages = &config.clusters["prod"].pages;
    let first = pages
        .iter()
        .find(|(host, _)| host.as_str() == "rabbit-node1");
    let page = first.unwrap().1;
    assert_eq!(page.ca_file, Some(PathBuf::from("/etc/rmqtop/lb-ca.pem")));
    let login = page.login.as_ref().unwrap();
    assert_eq!(login.username, "mon");
    let secret = SecretSource::File(PathBuf::from("/etc/rmqtop/lb.secret"));
    assert_eq!(login.password, secret);
}

#[test]
fn a_socket_needs_ssh_only_where_there_are_no_stats() {
    let hosts = [
        "stats = \"http://lb:8100/stats\", socket = \"/a.sock\" }",
        "socket = \"/a.sock\" }\nssh = \"local\"",
        "socket = \"/a.sock\" }\nssh = \"root@lb\"",
    ];
    for host in hosts {
        let text =
            format!("{ARTICLE}\n[[clusters.prod.hosts]]\nname = \"lb\"\nhaproxy = {{ {host}\n");
        let config = parse(&text).unwrap();
        let host = config.clusters["prod"].inventory.hosts.last().unwrap();
        let entry = host.balancer.as_ref().unwrap();
        assert_eq!(entry.socket.as_deref(), Some("/a.sock"));
    }
}

#[test]
fn a_file_without_any_cluster_says_so_and_where_to_begin() {
    for text in [
        "",
        "# Nothing yet.\n",
        "default_cluster = \"prod\"\n",
        "[clusters]\n",
    ] {
        let error = parse(text).unwrap_err();
        let start =
            "/etc/rmqtop/config.toml:1: the configuration declares no cluster; `rmqtop init ";
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_cluster_is_chosen_by_name_default_or_being_the_only_one() {
    let mut config = parse(ARTICLE).unwrap();
    config.default_cluster = None;
    assert_eq!(config.choose(None).unwrap().name, "prod");
    let error = config.choose(Some("test")).unwrap_err().to_string();
    assert_eq!(
        error,
        "no cluster `test` in the configuration; there is: prod"
    );
    let mut second = config.clusters["prod"].clone();
    second.name = "test".into();
    config.clusters.insert("test".into(), second);
    let error = config.choose(None).unwrap_err().to_string();
    assert!(
        error.contains("choose one with --cluster: prod, test"),
        "{error}"
    );
}

#[test]
fn a_password_file_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "canary-secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = SecretSource::File(path.clone())
        .read()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has mode 644") && error.contains("chmod 600"),
        "{error}"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let secret = SecretSource::File(path).read().unwrap();
    assert!(!format!("{secret:?}").contains("canary-secret"));
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(&secret),
        "canary-secret"
    );
}

#[test]
fn a_missing_secret_says_where_it_was_looked_for() {
    let error = SecretSource::Env("RMQTOP_NO_SUCH_VARIABLE".into())
        .read()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("RMQTOP_NO_SUCH_VARIABLE is not set"),
        "{error}"
    );
}
