package bsonjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
	hexDigit = "0123456789abcdef"
)

// AppendString appends s as a JSON string, escaped as encoding/json does by
// default.
func AppendString(dst []byte, s string) []byte {
	return AppendStringBytes(dst, []byte(s))
}

// AppendStringBytes is [AppendString] for bytes.
func AppendStringBytes(dst, s []byte) []byte {
	return appendQuoted(dst, s[:len(s):len(s)])
}

// special marks the bytes of w that must not be copied into a JSON string as
// they are: control characters, the quote, the backslash, < > &, and all that is
// not ASCII. Only the lowest mark is exact.
func special(w uint64) uint64 {
	angle := (w | 0x02*lowBits) ^ 0x3e*lowBits // zero for < and >
	quote := (w | 0x04*lowBits) ^ 0x26*lowBits // zero for " and &
	slash := w ^ 0x5c*lowBits
	return (w | (w - 0x20*lowBits) | (angle - lowBits) | (quote - lowBits) | (slash - lowBits)) & highBits
}

// appendQuoted appends s as a JSON string. It copies eight bytes at a time, and
// for the last ones looks beyond s as far as its capacity reaches.
func appendQuoted(dst, s []byte) []byte {
	dst = reserve(dst, len(s)+10)
	dst = append(dst, '"')
	for {
		var w uint64
		switch {
		case len(s) >= 8:
			w = binary.LittleEndian.Uint64(s)
			if special(w) == 0 {
				dst = binary.LittleEndian.AppendUint64(dst, w)
				s = s[8:]
				continue
			}
		case len(s) == 0:
			return append(dst, '"')
		case cap(s) >= 8:
			w = binary.LittleEndian.Uint64(s[:8])
		default:
			w = loadShort(s)
		}
		n := min(bits.TrailingZeros64(special(w))>>3, len(s))
		dst = binary.LittleEndian.AppendUint64(dst, w)
		dst = dst[:len(dst)-8+n]
		if s = s[n:]; len(s) > 0 {
			dst, s = appendSpecial(dst, s)
		}
	}
}

// loadShort loads fewer than eight bytes; the missing ones read as zero.
func loadShort(s []byte) (w uint64) {
	for i, b := range s {
		w |= uint64(b) << (8 * i)
	}
	return w
}

// appendSpecial appends the character or the run of non-ASCII characters that
// s starts with, and returns what follows it.
func appendSpecial(dst, s []byte) (out, rest []byte) {
	c := s[0]
	if c >= utf8.RuneSelf {
		return appendRunes(dst, s)
	}
	switch c {
	case '"', '\\':
		dst = append(dst, '\\', c)
	case '\b':
		dst = append(dst, '\\', 'b')
	case '\f':
		dst = append(dst, '\\', 'f')
	case '\n':
		dst = append(dst, '\\', 'n')
	case '\r':
		dst = append(dst, '\\', 'r')
	case '\t':
		dst = append(dst, '\\', 't')
	default:
		dst = append(dst, '\\', 'u', '0', '0', hexDigit[c>>4], hexDigit[c&0xf])
	}
	return dst, s[1:]
}

// appendRunes appends the run of non-ASCII characters that s starts with.
func appendRunes(dst, s []byte) (out, rest []byte) {
	for len(s) > 0 && s[0] >= utf8.RuneSelf {
		if len(s) > 1 && s[0] >= 0xc2 && s[0] < 0xe0 && s[1]&0xc0 == 0x80 {
			dst = append(dst, s[0], s[1])
			s = s[2:]
			continue
		}
		r, n := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigit[r&0xf])
		default:
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst, s
}

// reserve makes room for n bytes behind dst.
func reserve(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		return grow(dst, n)
	}
	return dst
}

//go:noinline
func grow(dst []byte, n int) []byte {
	return append(dst, make([]byte, n)...)[:len(dst)]
}
