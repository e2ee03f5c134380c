package bsonjson

import "math/bits"

const decimalBias = 6176

// appendDecimal128 appends the canonical text of a Decimal128 given by its
// two halves. finite is false, and nothing appended, for NaN and infinities.
func appendDecimal128(dst []byte, high, low uint64) (out []byte, finite bool) {
	if high>>59&0xf == 0xf {
		return dst, false
	}
	negative := high>>63 == 1
	exponent := int(high>>49&0x3fff) - decimalBias
	if high>>61&3 == 3 {
		// The form for significands beyond 34 digits, which count as zero.
		exponent = int(high>>47&0x3fff) - decimalBias
		high, low = 0, 0
	}
	high &= 1<<49 - 1

	var buffer [39]byte
	digits := decimalDigits(&buffer, high, low)
	if negative {
		dst = append(dst, '-')
	}
	return appendScientific(dst, digits, exponent), true
}

// decimalDigits returns the digits of a number of up to 113 bits, at least one.
func decimalDigits(buffer *[39]byte, high, low uint64) []byte {
	i := len(buffer)
	for high != 0 || low != 0 {
		var rem uint64
		low, rem = bits.Div64(high, low, 1e18)
		high = 0
		for n := 0; n < 18 && (rem != 0 || low != 0); n++ {
			i--
			buffer[i] = byte('0' + rem%10)
			rem /= 10
		}
	}
	if i == len(buffer) {
		i--
		buffer[i] = '0'
	}
	return buffer[i:]
}

// appendScientific writes digits times ten to the exponent as the General
// Decimal Arithmetic specification has it: plain unless the exponent is
// positive or the number very small.
func appendScientific(dst, digits []byte, exponent int) []byte {
	adjusted := exponent + len(digits) - 1
	if exponent > 0 || adjusted < -6 {
		return appendExponent(dst, digits, adjusted)
	}
	whole := len(digits) + exponent
	if whole <= 0 {
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	if exponent < 0 {
		dst = append(dst, '.')
		dst = append(dst, digits[whole:]...)
	}
	return dst
}

func appendExponent(dst, digits []byte, exponent int) []byte {
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'E')
	if exponent >= 0 {
		dst = append(dst, '+')
	}
	return appendInt(dst, int64(exponent))
}
