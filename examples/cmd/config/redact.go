package config

import "regexp"

const redacted = "REDACTED"

// redactAll hides a text that is a secret as a whole.
func redactAll(text string) string {
	if text == "" {
		return ""
	}
	return redacted
}

var (
	userInfo = regexp.MustCompile(`//.*@`)
	// secretParameters are options of a MongoDB URI that hold a secret.
	secretParameters = regexp.MustCompile(`(?i)([?&](?:authMechanismProperties|tlsCertificateKeyFilePassword|` +
		`sslClientCertificateKeyPassword|proxyUsername|proxyPassword)=)[^&]*`)
)

// RedactURL hides the credentials of a URL, also of one that cannot be parsed.
func RedactURL(text string) string {
	text = userInfo.ReplaceAllString(text, "//"+redacted+"@")
	return secretParameters.ReplaceAllString(text, "${1}"+redacted)
}
