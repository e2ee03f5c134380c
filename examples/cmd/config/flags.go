package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// UsageError is a command line that cannot be read: an unknown flag, or one without its value.
type UsageError struct{ Err error }

// Error returns the cause's text.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// CommandLine says how one is read.
type CommandLine struct {
	// Out is where -help is printed.
	Out io.Writer
	// Help prints what stands before the settings.
	Help func(out io.Writer)
	// Flags, when not nil, adds flags besides the settings. They hide settings of the same name.
	Flags func(*flag.FlagSet)
}

// commandLine is what was on it: given holds the texts of each flag in their order.
type commandLine struct {
	file      string
	delimiter string
	version   bool
	given     map[string][]string
}

// parseFlags reads the command line. Values are kept as they are: they count after the file and the environment.
func parseFlags(args []string, s *settings, as CommandLine) (*commandLine, error) {
	line := &commandLine{given: map[string][]string{}}
	fs := flag.NewFlagSet("goatee", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	if as.Flags != nil {
		as.Flags(fs)
	}
	own := flagNames(fs)
	fs.StringVar(&line.file, "f", "", "TOML file with settings")
	fs.StringVar(&line.delimiter, "env-delimiter", ",", "what separates the items of a list in an environment variable")
	for _, name := range []string{"v", "version"} {
		if !slices.Contains(own, name) {
			fs.BoolVar(&line.version, name, false, "print the version and exit")
		}
	}
	for _, o := range s.options {
		if !o.tomlOnly {
			line.add(fs, o.flagName(), o.doc, o.value.isBool())
		}
	}
	for _, l := range s.legacy {
		if !l.tomlOnly {
			line.add(fs, l.flagName(), l.why, l.isBool)
		}
	}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		as.printHelp(fs, own, s.options)
		return nil, err
	}
	if err != nil {
		return nil, usageError(fs, err)
	}
	if fs.NArg() > 0 {
		return nil, &UsageError{fmt.Errorf("argument %d is not a flag: settings are flags, a file of them is named with -f",
			len(args)-fs.NArg()+1)}
	}
	return line, nil
}

func (l *commandLine) add(fs *flag.FlagSet, name, doc string, isBool bool) {
	if fs.Lookup(name) != nil {
		return
	}
	keep := func(text string) error {
		l.given[name] = append(l.given[name], text)
		return nil
	}
	if isBool {
		fs.BoolFunc(name, doc, keep)
	} else {
		fs.Func(name, doc, keep)
	}
}

// usageError adds a suggestion to the flag package's words about an unknown flag.
func usageError(fs *flag.FlagSet, err error) error {
	_, name, ok := strings.Cut(err.Error(), "flag provided but not defined: -")
	if !ok {
		return &UsageError{err}
	}
	return &UsageError{fmt.Errorf("%w%s; -help lists all flags", err, suggestion(name, flagNames(fs)))}
}

func flagNames(fs *flag.FlagSet) (names []string) {
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// printHelp lists the flags, those of the command first, with their variables and defaults.
func (as CommandLine) printHelp(fs *flag.FlagSet, own []string, all []option) {
	out := as.Out
	fmt.Fprint(out, "goatee keeps Elasticsearch in step with MongoDB.\n\n")
	if as.Help != nil {
		as.Help(out)
	}
	for _, name := range own {
		fmt.Fprintf(out, "  -%s\n\t%s\n", name, fs.Lookup(name).Usage)
	}
	fmt.Fprint(out, "  -f FILE\n\tTOML file with settings; its keys are those below, a list's in the plural\n"+
		"  -env-delimiter TEXT\n\twhat separates the items of a list in an environment variable (default \",\")\n"+
		"  -v, -version\n\tprint version, commit and date, and exit\n")
	for _, o := range all {
		if o.tomlOnly || slices.Contains(own, o.flagName()) {
			continue
		}
		fmt.Fprintf(out, "  -%s\n\t%s (default %s", o.flagName(), o.doc, tomlValue(o.value.get()))
		if o.env != "" {
			fmt.Fprintf(out, "; variable %s", o.env)
		}
		if o.flagName() != o.name {
			fmt.Fprint(out, "; may be repeated")
		}
		fmt.Fprintln(out, ")")
	}
}
