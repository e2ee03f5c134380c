package goatee

import "reflect"

// As returns what v, a Source, Transformer, Sink, PositionStore or Elector, can do beyond its interface: v itself if it is
// a T, else the first T among what it wraps, so that a wrapper that knows nothing of a capability does not take it away.
// A wrapper tells what it wraps by a method Unwrap that returns it, such as Unwrap() Source; a struct that embeds the
// interface is followed without one. A wrapper that must hide or change a capability implements it itself.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		v = unwrap(v)
	}
	var none T
	return none, false
}

// unwrap returns what v wraps, or nil.
func unwrap(v any) any {
	switch w := v.(type) {
	case interface{ Unwrap() Source }:
		return nonNil(w.Unwrap())
	case interface{ Unwrap() Transformer }:
		return nonNil(w.Unwrap())
	case interface{ Unwrap() Sink }:
		return nonNil(w.Unwrap())
	case interface{ Unwrap() PositionStore }:
		return nonNil(w.Unwrap())
	case interface{ Unwrap() Elector }:
		return nonNil(w.Unwrap())
	}
	return embedded(v)
}

func nonNil[T any](v T) any {
	if any(v) == nil {
		return nil
	}
	return v
}

// embedded returns the interface that a struct, or what a pointer points to, embeds: struct{ Source } is the shortest
// wrapper there is.
func embedded(v any) any {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	if r.Kind() != reflect.Struct {
		return nil
	}
	for i := range r.NumField() {
		if f := r.Type().Field(i); f.Anonymous && f.IsExported() && wrappable[f.Type] && !r.Field(i).IsNil() {
			return r.Field(i).Interface()
		}
	}
	return nil
}

var wrappable = map[reflect.Type]bool{
	reflect.TypeFor[Source](): true, reflect.TypeFor[Transformer](): true, reflect.TypeFor[Sink](): true,
	reflect.TypeFor[PositionStore](): true, reflect.TypeFor[Elector](): true,
}

// Identify returns what a source says it is, or its name alone.
func Identify(s Source) SourceID {
	if i, ok := As[Identifier](s); ok {
		id := i.SourceID()
		id.Name = s.Name()
		return id
	}
	return SourceID{Name: s.Name()}
}
