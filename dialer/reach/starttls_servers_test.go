//go:build unix

package reach

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"certsweep/dialer"
)

var startTLSServers = []realServer{
	{
		name: "postfix", programs: []string{"/usr/sbin/postfix", "/usr/lib/postfix/sbin/master"}, users: []string{"postfix"},
		version:   []string{"/usr/sbin/postconf", "mail_version"},
		protocols: []dialer.Protocol{"smtp", "smtp"}, // the second is submission
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.mkdir(t, "spool", "root")
			h.mkdir(t, "lib", "postfix")
			h.config(t, "main.cf", `compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/lib
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
myhostname = {name}
inet_interfaces = 127.0.0.1
{tls}smtpd_tls_security_level = may
{tls}smtpd_tls_cert_file = {dir}/cert.pem
{tls}smtpd_tls_key_file = {dir}/key.pem
smtpd_peername_lookup = no
local_recipient_maps =
alias_maps =
`)
			h.config(t, "master.cf", `127.0.0.1:{port0} inet n - n - - smtpd
127.0.0.1:{port1} inet n - n - - smtpd
{tls}  -o smtpd_tls_security_level=encrypt
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
`)
			// The check makes the queue's directories. "postfix start-fg" would leave
			// the process group, and outlive the test.
			if said, err := exec.Command("/usr/sbin/postfix", "-c", h.dir, "check").CombinedOutput(); err != nil {
				t.Fatalf("postfix check: %v\n%s", err, said)
			}
			return exec.Command("/usr/lib/postfix/sbin/master", "-c", h.dir, "-d")
		},
	},
	{
		name:     "dovecot",
		programs: []string{"/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/managesieve", "/usr/lib/dovecot/lmtp"},
		users:    []string{"dovecot", "dovenull"},
		version:  []string{"/usr/sbin/dovecot", "--version"},
		protocols: []dialer.Protocol{
			"imap", "pop3", "sieve", "lmtp",
		},
		start: func(t *testing.T, h *home) *exec.Cmd {
			config := h.config(t, "dovecot.conf", `base_dir = {dir}/run
state_dir = {dir}/state
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap pop3 lmtp sieve
ssl = no
{tls}ssl = yes
{tls}ssl_cert = <{dir}/cert.pem
{tls}ssl_key = <{dir}/key.pem
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home={dir}
}
service imap-login {
  inet_listener imap {
    port = {port0}
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = {port1}
  }
  inet_listener pop3s {
    port = 0
  }
}
service managesieve-login {
  inet_listener sieve {
    port = {port2}
  }
}
service lmtp {
  inet_listener lmtp {
    port = {port3}
  }
}
`)
			return exec.Command("/usr/sbin/dovecot", "-F", "-c", config)
		},
	},
	{
		name: "vsftpd", programs: []string{"/usr/sbin/vsftpd"},
		version:   []string{"sh", "-c", "vsftpd -v 0>&1"},
		protocols: []dialer.Protocol{"ftp"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.mkdir(t, "empty", "root")
			config := h.config(t, "vsftpd.conf", `listen=YES
listen_address=127.0.0.1
listen_port={port0}
background=NO
anonymous_enable=YES
ftp_username=nobody
secure_chroot_dir={dir}/empty
{tls}ssl_enable=YES
{tls}allow_anon_ssl=YES
{tls}rsa_cert_file={dir}/cert.pem
{tls}rsa_private_key_file={dir}/key.pem
{tls}ssl_ciphers=HIGH
`)
			return exec.Command("/usr/sbin/vsftpd", config)
		},
	},
	{
		name: "slapd", programs: []string{"/usr/sbin/slapd"},
		version:   []string{"/usr/sbin/slapd", "-VV"},
		protocols: []dialer.Protocol{"ldap"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			config := h.config(t, "slapd.conf", `pidfile {dir}/pid
{tls}TLSCACertificateFile {dir}/cert.pem
{tls}TLSCertificateFile {dir}/cert.pem
{tls}TLSCertificateKeyFile {dir}/key.pem
`)
			return exec.Command("/usr/sbin/slapd", "-d", "0", "-f", config, "-h", h.url("ldap"))
		},
	},
	{
		name: "postgresql", programs: []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/lib/postgresql/*/bin/initdb"}, users: []string{"postgres"},
		version:   []string{"sh", "-c", "/usr/lib/postgresql/*/bin/postgres --version"},
		protocols: []dialer.Protocol{"postgres"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
			program := programs[len(programs)-1]
			as := &syscall.SysProcAttr{Credential: credential(t, "postgres")}
			h.give(t, "key.pem", "postgres")
			data := h.mkdir(t, "data", "postgres")
			initdb := exec.Command(filepath.Join(filepath.Dir(program), "initdb"), "--no-sync", "-A", "trust", "-D", data)
			initdb.SysProcAttr, initdb.Dir = as, h.dir
			if said, err := initdb.CombinedOutput(); err != nil {
				t.Fatalf("initdb: %v\n%s", err, said)
			}
			cmd := exec.Command(program, "-D", data, "-p", h.port(0), "-k", data, "-F",
				"-c", "listen_addresses=127.0.0.1")
			if !h.plain {
				cmd.Args = append(cmd.Args, "-c", "ssl=on", "-c", "ssl_cert_file="+h.path("cert.pem"), "-c", "ssl_key_file="+h.path("key.pem"))
			}
			cmd.SysProcAttr = as
			return cmd
		},
	},
	{
		name: "mariadb", programs: []string{"/usr/sbin/mariadbd"}, users: []string{"mysql"},
		version:   []string{"/usr/sbin/mariadbd", "--version"},
		protocols: []dialer.Protocol{"mysql"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.give(t, "key.pem", "mysql")
			data := h.mkdir(t, "data", "mysql")
			// Without grant tables it serves an empty directory.
			cmd := exec.Command("/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", "--datadir="+data, "--skip-grant-tables", "--skip-networking=0",
				"--bind-address=127.0.0.1", "--port="+h.port(0), "--socket="+filepath.Join(data, "s"), "--pid-file="+filepath.Join(data, "pid"),
				"--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-fast-shutdown=2")
			if !h.plain {
				cmd.Args = append(cmd.Args, "--ssl-cert="+h.path("cert.pem"), "--ssl-key="+h.path("key.pem"))
			}
			return cmd
		},
	},
	{
		name: "prosody", programs: []string{"/usr/bin/prosody"}, users: []string{"prosody"},
		version:   []string{"dpkg-query", "-W", "prosody"},
		protocols: []dialer.Protocol{"xmpp", "xmpp-server"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.give(t, "key.pem", "prosody")
			h.mkdir(t, "data", "prosody")
			config := h.config(t, "prosody.cfg.lua", `pidfile = "{dir}/data/pid"
data_path = "{dir}/data"
interfaces = { "127.0.0.1" }
c2s_ports = { {port0} }
s2s_ports = { {port1} }
modules_enabled = { "saslauth" }
{tls}modules_enabled = { "saslauth", "tls" }
log = { debug = "*console" }
VirtualHost "{name}"
{tls}	ssl = { certificate = "{dir}/cert.pem", key = "{dir}/key.pem" }
`)
			cmd := exec.Command("/usr/bin/prosody", "-F", "--config", config)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(t, "prosody")}
			return cmd
		},
	},
	{
		name: "inn2", programs: []string{"/usr/lib/news/bin/nnrpd", "/usr/lib/news/bin/overchan"}, users: []string{"news"},
		version:   []string{"dpkg-query", "-W", "inn2"},
		protocols: []dialer.Protocol{"nntp"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.give(t, "key.pem", "news")
			for _, dir := range []string{"etc", "db", "spool", "spool/articles", "spool/overview", "logs", "run", "tmp"} {
				h.mkdir(t, dir, "news")
			}
			h.config(t, "etc/readers.conf", `auth "all" {
  hosts: "*"
  default: "<reader>"
}
access "all" {
  users: "*"
  newsgroups: "*"
}
`)
			h.config(t, "etc/storage.conf", `method trash {
  class: 0
  newsgroups: *
}
`)
			h.config(t, "db/active", "")
			h.config(t, "db/newsgroups", "")
			config := h.config(t, "inn.conf", `domain: {name}
pathhost: {name}
mta: /bin/true
hismethod: hisv6
ovmethod: tradindexed
nnrpdloadlimit: 0
enableoverview: true
pathnews: /usr/lib/news
pathetc: {dir}/etc
pathdb: {dir}/db
pathspool: {dir}/spool
pathlog: {dir}/logs
pathrun: {dir}/run
pathtmp: {dir}/tmp
{tls}tlscertfile: {dir}/cert.pem
{tls}tlskeyfile: {dir}/key.pem
`)
			env := []string{"INNCONF=" + config, "PATH=/usr/bin:/bin"}
			// Given nothing to add, overchan makes the overview's index.
			overchan := exec.Command("/usr/lib/news/bin/overchan")
			overchan.Env, overchan.SysProcAttr = env, &syscall.SysProcAttr{Credential: credential(t, "news")}
			if said, err := overchan.CombinedOutput(); err != nil {
				t.Fatalf("overchan: %v\n%s", err, said)
			}
			cmd := exec.Command("/usr/lib/news/bin/nnrpd", "-D", "-f", "-b", "127.0.0.1", "-p", h.port(0))
			cmd.Env = env
			return cmd
		},
	},
	{
		name: "inspircd", programs: []string{"/usr/sbin/inspircd", "/usr/lib/inspircd/modules/m_starttls.so"}, users: []string{"irc"},
		version:   []string{"/usr/sbin/inspircd", "--version"},
		protocols: []dialer.Protocol{"irc"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			h.give(t, "key.pem", "irc")
			h.mkdir(t, "data", "irc")
			config := h.config(t, "inspircd.conf", `<server name="{name}" description="test" network="test" id="1ST">
<admin name="test" nick="test" email="test@{name}">
<path configdir="{dir}" datadir="{dir}/data" logdir="{dir}/data" runtimedir="{dir}/data">
<pid file="{dir}/data/pid">
<module name="cap">
{tls}<module name="ssl_gnutls">
{tls}<module name="starttls">
{tls}<sslprofile name="test" provider="gnutls" certfile="{dir}/cert.pem" keyfile="{dir}/key.pem" hash="sha256">
{tls}<starttls provider="test">
<bind address="127.0.0.1" port="{port0}" type="clients">
<connect allow="*" resolvehostnames="no" useident="no">
<log method="stderr" type="*" level="default">
`)
			cmd := exec.Command("/usr/sbin/inspircd", "--nofork", "--nolog", "--config", config)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(t, "irc")}
			return cmd
		},
	},
	{
		name: "xrdp", programs: []string{"/usr/sbin/xrdp"},
		version:   []string{"/usr/sbin/xrdp", "--version"},
		protocols: []dialer.Protocol{"rdp"},
		start: func(t *testing.T, h *home) *exec.Cmd {
			config := h.config(t, "xrdp.ini", `[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port0}
security_layer=rdp
{tls}security_layer=negotiate
{tls}certificate={dir}/cert.pem
{tls}key_file={dir}/key.pem
ssl_protocols=TLSv1.2, TLSv1.3
[Logging]
LogFile={dir}/xrdp.log
LogLevel=INFO
EnableSyslog=false
EnableConsole=true
ConsoleLevel=INFO
`)
			return exec.Command("/usr/sbin/xrdp", "--nodaemon", "--config", config)
		},
	},
}
