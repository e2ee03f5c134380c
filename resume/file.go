package resume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/goatee-sync/goatee"
)

var (
	_ goatee.PositionStore = (*File)(nil)
	_ goatee.Checker       = (*File)(nil)
)

// File keeps positions in one JSON file that people can read: resume tokens are canonical extended JSON.
//
// Each Save replaces the file as a whole by a rename, so that a crash leaves the old positions or the new ones. What a
// crash may leave besides is path + ".tmp", which the next Save overwrites.
//
// The fencing token is compared before the file is replaced, not in one step with it: processes that elect a leader
// and write at the very same moment need NewMongo.
type File struct {
	path string
}

// NewFile returns a store in the file at path. The first Save creates the file; its folder must exist.
func NewFile(path string) *File { return &File{path: path} }

// Check reads the file if there is one. It writes nothing.
func (f *File) Check(context.Context) error {
	if _, err := f.read(); err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a folder")
	}
	if err != nil {
		return f.fault("is in a folder that cannot be used", "create the folder "+dir+", or choose another path", err)
	}
	return nil
}

// Load returns the stored position of a source, or the zero Position.
func (f *File) Load(_ context.Context, source goatee.SourceID) (goatee.Position, error) {
	c, err := f.read()
	if err != nil {
		return goatee.Position{}, err
	}
	e, ok := c.Positions[source.Name]
	if !ok {
		return goatee.Position{}, nil
	}
	p, err := e.position()
	if err != nil {
		return goatee.Position{}, f.corrupt(fmt.Errorf("position of %s: %w", source.Name, err))
	}
	return p, nil
}

// Save replaces the file by one with the positions in it, synced to disk, or fails with goatee.ErrFenced and changes
// nothing.
func (f *File) Save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := f.read()
	if err != nil {
		return err
	}
	if err := checkFence(fence, c.Fence); err != nil {
		return err
	}
	c.Fence = max(c.Fence, fence)
	for _, p := range positions {
		e, err := newFileEntry(p.Position)
		if err != nil {
			return fmt.Errorf("encode position of %s: %w", p.Name, err)
		}
		c.Positions[p.Name] = e
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode positions: %w", err)
	}
	if err := replaceFile(f.path, append(data, '\n')); err != nil {
		return f.fault("cannot be written", "free space on its disk and make its folder writable for this user", err)
	}
	return nil
}

// read returns the file's content, an empty one when there is no file.
func (f *File) read() (*fileContent, error) {
	c := &fileContent{Version: fileVersion}
	data, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, f.fault("cannot be read", "make it readable for this user", err)
	default:
		if err := json.Unmarshal(data, c); err != nil {
			return nil, f.corrupt(err)
		}
		if c.Version != fileVersion {
			return nil, f.corrupt(fmt.Errorf("format version %d, want %d", c.Version, fileVersion))
		}
	}
	if c.Positions == nil {
		c.Positions = make(map[string]fileEntry)
	}
	return c, nil
}

func (f *File) corrupt(err error) error {
	return f.fault("is not a file of positions",
		"restore it from a backup, or remove it to start without positions", err)
}

func (f *File) fault(problem, remedy string, err error) error {
	return &goatee.ConfigError{Setting: SettingFile, Problem: f.path + " " + problem, Remedy: remedy, Err: err}
}

// replaceFile makes data the content of the file at path in one step that survives a crash.
func replaceFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := writeSynced(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDir makes a rename durable. Windows has no such call for folders.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
