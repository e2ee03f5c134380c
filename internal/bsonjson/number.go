package bsonjson

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
)

const digitPairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// powersOfTen is an array of constants: 10^0 to 10^19.
var powersOfTen = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

func digitCount(u uint64) int {
	n := (bits.Len64(u|1) * 1233) >> 12
	if u >= powersOfTen[n] {
		n++
	}
	return max(n, 1)
}

func appendInt(dst []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		dst = append(dst, '-')
		u = -u
	}
	return appendUint(dst, u)
}

func appendUint(dst []byte, u uint64) []byte {
	if u < 10 {
		return append(dst, byte('0'+u))
	}
	return appendDigits(dst, u, digitCount(u))
}

// appendDigits appends u with exactly n digits, leading zeros included.
func appendDigits(dst []byte, u uint64, n int) []byte {
	dst = reserve(dst, n)
	start := len(dst)
	dst = dst[:start+n]
	out := dst[start:]
	for ; n >= 2; n -= 2 {
		pair := u % 100 * 2
		u /= 100
		out[n-1], out[n-2] = digitPairs[pair+1], digitPairs[pair]
	}
	if n == 1 {
		out[0] = byte('0' + u%10)
	}
	return dst
}

// appendFloat appends a finite float of the given size in bits in its shortest
// form that reads back the same, with exponents where encoding/json has them.
// Unless short is asked, an integral number keeps a fraction of ".0".
func appendFloat(dst []byte, f float64, bitSize int, short bool) []byte {
	abs := math.Abs(f)
	if abs < 1e15 && bitSize == 64 {
		if out, ok := appendDecimal(dst, f, abs, short); ok {
			return out
		}
	}
	small, big := 1e-6, 1e21
	if bitSize == 32 {
		small, big = float64(float32(small)), float64(float32(big))
	}
	format := byte('f')
	if abs != 0 && (abs < small || abs >= big) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, bitSize)
	if format == 'e' {
		return trimExponent(dst)
	}
	if !short && bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	return dst
}

// trimExponent turns e-09 into e-9.
func trimExponent(dst []byte) []byte {
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		return dst[:n-1]
	}
	return dst
}

// appendDecimal appends numbers that are integral or have up to six decimals
// and no more than 15 digits. Two different decimals of up to 15 digits never
// read as the same float64, so one that reads as f is the shortest form of f.
func appendDecimal(dst []byte, f, abs float64, short bool) ([]byte, bool) {
	whole := uint64(abs)
	if float64(whole) == abs {
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		dst = appendUint(dst, whole)
		if !short {
			dst = append(dst, '.', '0')
		}
		return dst, true
	}
	digits, decimals := uint64(abs*100+0.5), 2
	if float64(digits)/100 != abs {
		if abs >= 1e9 {
			return dst, false
		}
		digits, decimals = uint64(abs*1e6+0.5), 6
		if float64(digits)/1e6 != abs {
			return dst, false
		}
	}
	if digits >= 1e15 {
		return dst, false
	}
	for digits%10 == 0 {
		digits, decimals = digits/10, decimals-1
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	scale := powersOfTen[decimals]
	dst = appendUint(dst, digits/scale)
	dst = append(dst, '.')
	return appendDigits(dst, digits%scale, decimals), true
}
