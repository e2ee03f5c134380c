package testservers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// copyDependencies is the Maven goal that downloads jars; its version is pinned like everything else.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

// installKind returns the folder of the user's cache that holds the kind's jars (lib), its compiled launcher and plugins
// (classes) and its logging configuration, installing them first if need be.
func installKind(ctx context.Context, k kind) (string, error) {
	sources, err := k.java()
	if err != nil {
		return "", err
	}
	sums, err := k.file("jars.sha256")
	if err != nil {
		return "", err
	}
	logging, err := kindFiles.ReadFile("kinds/log4j2.properties")
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%s%s%s", sources, sums, logging)) // maps are printed in order
	dir, err := cached(ctx, fmt.Sprintf("%s-%x", k.name, digest[:4]), func(ctx context.Context, dir string) error {
		if err := requireTools(k.name, "java", "javac", "mvn"); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "log4j2.properties"), logging, 0o644); err != nil {
			return err
		}
		if err := fetchJars(ctx, dir, k.artifacts, string(sums)); err != nil {
			return err
		}
		return compileSources(ctx, dir, sources)
	})
	var missing *MissingError
	if err != nil && !errors.As(err, &missing) {
		return "", &MissingError{Server: k.name, Err: err}
	}
	return dir, err
}

// fetchJars downloads the artifacts and what they need with Maven, which knows the user's repositories, into dir/lib
// and verifies each file.
func fetchJars(ctx context.Context, dir string, artifacts []string, sums string) error {
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, []byte(pomFor(artifacts)), 0o644); err != nil {
		return err
	}
	lib := filepath.Join(dir, "lib")
	if err := run(ctx, dir, "mvn", "-q", "-B", "-f", pom, copyDependencies, "-DoutputDirectory="+lib); err != nil {
		return err
	}
	return verifyDir(lib, sums)
}

// pomFor returns a Maven project that depends on the artifacts.
func pomFor(artifacts []string) string {
	var pom strings.Builder
	pom.WriteString("<project><modelVersion>4.0.0</modelVersion>" +
		"<groupId>goatee</groupId><artifactId>testservers</artifactId><version>1</version><dependencies>\n")
	for _, artifact := range artifacts {
		part := strings.Split(artifact, ":")
		fmt.Fprintf(&pom, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n",
			part[0], part[1], part[2])
	}
	pom.WriteString("</dependencies></project>\n")
	return pom.String()
}

// compileSources compiles once what java would otherwise compile at each start, which saves about a second.
func compileSources(ctx context.Context, dir string, sources map[string][]byte) error {
	argv := []string{"-nowarn", "-cp", filepath.Join(dir, "lib", "*"), "-d", filepath.Join(dir, "classes")}
	for name, source := range sources {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, source, 0o644); err != nil {
			return err
		}
		argv = append(argv, file)
	}
	return run(ctx, dir, "javac", argv...)
}
