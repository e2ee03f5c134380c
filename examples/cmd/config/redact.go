package config

import (
	"regexp"
	"slices"
	"strings"
)

const redacted = "REDACTED"

// redactAll hides a text that is a secret as a whole.
func redactAll(text string) string {
	if text == "" {
		return ""
	}
	return redacted
}

// urlParts are those of a URL as one can tell them apart also when something is wrong with it.
type urlParts struct {
	scheme      string // with ://, or empty
	credentials string // up to the last @, without it; what follows is never part of a password
	at          bool
	hosts       string
	path        string // with the slash in front
	query       string // without the question mark
}

func splitURL(text string) (u urlParts) {
	rest := text
	if scheme, after, ok := strings.Cut(text, "://"); ok && schemeOnly.MatchString(scheme) {
		u.scheme, rest = scheme+"://", after
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		u.credentials, u.at, rest = rest[:i], true, rest[i+1:]
	}
	rest, u.query, _ = strings.Cut(rest, "?")
	if i := strings.Index(rest, "/"); i >= 0 {
		rest, u.path = rest[:i], rest[i:]
	}
	u.hosts = rest
	return u
}

var (
	schemeOnly = regexp.MustCompile(`^[a-z][a-z+]{0,15}$`)
	hostList   = regexp.MustCompile(`^` + host + `(,` + host + `)*$`)
	harmless   = regexp.MustCompile(`^[\w.,:/%~+-]*$`)
)

// host is a name or an address, with or without a port, or the path of a socket as MongoDB's connection strings write it.
const host = `([A-Za-z0-9._-]+|\[[0-9a-fA-F:.%]+\]|%2[Ff][\w.%-]+)(:[0-9]{1,5})?`

// publicParameters are the options of a MongoDB connection string that hold no secrets.
var publicParameters = strings.Fields(strings.ToLower(`appName authMechanism authSource compressors connect connectTimeoutMS
	directConnection heartbeatFrequencyMS journal loadBalanced localThresholdMS maxConnecting maxIdleTimeMS maxPoolSize
	maxStalenessSeconds minPoolSize readConcernLevel readPreference readPreferenceTags replicaSet retryReads retryWrites
	serverMonitoringMode serverSelectionTimeoutMS socketTimeoutMS srvMaxHosts srvServiceName ssl
	sslCertificateAuthorityFile sslInsecure timeoutMS tls tlsAllowInvalidCertificates tlsAllowInvalidHostnames tlsCAFile
	tlsCertificateFile tlsCertificateKeyFile tlsDisableOCSPEndpointCheck tlsInsecure tlsPrivateKeyFile uuidRepresentation w
	wTimeoutMS waitQueueTimeoutMS zlibCompressionLevel zstdCompressionLevel`))

// RedactURL hides whatever may be a secret in a URL, also in one that cannot be parsed: everything but hosts that look like
// hosts, and options that are known to be public.
func RedactURL(text string) string {
	u := splitURL(text)
	var b strings.Builder
	b.WriteString(u.scheme)
	if u.at {
		b.WriteString(redacted + "@")
	}
	if u.hosts != "" && !hostList.MatchString(u.hosts) || !harmless.MatchString(u.path) {
		return b.String() + redacted
	}
	b.WriteString(u.hosts + u.path)
	if u.query != "" {
		b.WriteString("?" + redactQuery(u.query))
	}
	return b.String()
}

func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || !harmless.MatchString(name):
			parts[i] = redacted
		case !slices.Contains(publicParameters, strings.ToLower(name)) || !harmless.MatchString(value):
			parts[i] = name + "=" + redacted
		}
	}
	return strings.Join(parts, "&")
}

// withoutSecrets returns a MongoDB connection string that says nothing secret and is as right or wrong as the given one in
// everything else.
func withoutSecrets(text string) string {
	u := splitURL(text)
	var public []string
	for _, part := range strings.Split(u.query, "&") {
		name, _, ok := strings.Cut(part, "=")
		if ok && slices.Contains(publicParameters, strings.ToLower(name)) {
			public = append(public, part)
		}
	}
	credentials := ""
	if u.at {
		credentials = "user:password@"
	}
	text = u.scheme + credentials + u.hosts + u.path
	if u.query != "" {
		text += "?" + strings.Join(public, "&")
	}
	return text
}
