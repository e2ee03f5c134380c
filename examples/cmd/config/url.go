package config

import (
	"net/url"
	"regexp"
	"strings"

	driver "go.mongodb.org/mongo-driver/mongo/options"
)

const percentEncode = "percent-encode what is not a letter or a digit in user and password: @ is %40, : is %3A, / is %2F, " +
	"? is %3F, # is %23, % is %25"

// mongoURL checks a connection string without asking anybody. The driver's words are repeated only about a string that
// holds no secrets.
func mongoURL(text string) error {
	u := splitURL(text)
	switch {
	case u.scheme != "mongodb://" && u.scheme != "mongodb+srv://":
		return &remedyError{
			"not a MongoDB connection string: " + RedactURL(text),
			"it begins with mongodb:// or mongodb+srv://",
		}
	case strings.Contains(u.credentials, "@"):
		return &remedyError{"more than one @: " + RedactURL(text), percentEncode}
	case !hostList.MatchString(u.hosts):
		return &remedyError{
			"the hosts cannot be read: " + RedactURL(text),
			"write mongodb://user:password@host:port,host:port/; " + percentEncode,
		}
	case u.scheme == "mongodb+srv://":
		text = withoutSRV(text) // to parse it as it is would be to ask a name server
	}
	if driver.Client().ApplyURI(text).Validate() == nil {
		return nil
	}
	if err := driver.Client().ApplyURI(withoutSecrets(text)).Validate(); err != nil {
		return &remedyError{"not a valid connection string: " + strings.TrimPrefix(err.Error(), "error parsing uri: "), "correct it"}
	}
	return &remedyError{"user, password or an option that holds a secret is not valid: " + RedactURL(text), percentEncode}
}

var srvOptions = regexp.MustCompile(`(?i)srv(MaxHosts|ServiceName)=[^&]*&?`)

// withoutSRV returns the connection string of one host instead of that of a name server's record.
func withoutSRV(text string) string {
	return srvOptions.ReplaceAllString(strings.Replace(text, "mongodb+srv://", "mongodb://", 1), "")
}

var badEscape = regexp.MustCompile(`%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)`)

// elasticsearchURL accepts one without a scheme, which schemeOf finds. It does not repeat the parser's words: they may
// hold a password.
func elasticsearchURL(text string) error {
	u := splitURL(text)
	switch {
	case u.scheme == "" && u.at:
		return &remedyError{
			"there is no scheme: " + RedactURL(text),
			"write http:// or https:// in front: it says whether the password is sent in plain text",
		}
	case strings.ContainsAny(u.credentials, "/?#@ ") || strings.Count(u.credentials, ":") > 1 || badEscape.MatchString(u.credentials):
		return &remedyError{"user or password cannot be read: " + RedactURL(text), percentEncode}
	case u.scheme != "" && u.scheme != "http://" && u.scheme != "https://", strings.Contains(u.hosts, ","),
		!hostList.MatchString(u.hosts), u.query != "":
		return &remedyError{"not a URL of Elasticsearch: " + RedactURL(text), "write it like http://127.0.0.1:9200"}
	}
	if u.scheme == "" {
		text = "http://" + text
	}
	if _, err := url.Parse(text); err != nil {
		return &remedyError{"not a URL: " + RedactURL(text), percentEncode}
	}
	return nil
}

// withSchemes adds the scheme to nodes that are named without one: https if another node has it, else http.
func withSchemes(urls []string) []string {
	scheme := "http://"
	for _, u := range urls {
		if strings.HasPrefix(u, "https://") {
			scheme = "https://"
		}
	}
	all := make([]string, len(urls))
	for i, u := range urls {
		if !strings.Contains(u, "://") {
			u = scheme + u
		}
		all[i] = u
	}
	return all
}
