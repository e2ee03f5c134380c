package bsonjson

const (
	millisPerDay = 24 * 60 * 60 * 1000
	// minDate and maxDate are the first and the last millisecond of the years 0
	// to 9999, in milliseconds since 1970.
	minDate = -62167219200000
	maxDate = 253402300799999
)

func dateInRange(ms int64) bool { return ms >= minDate && ms <= maxDate }

// appendDate appends a date in range as quoted RFC 3339 text in UTC with three
// decimals.
func appendDate(dst []byte, ms int64) []byte {
	const size = len(`"2006-01-02T15:04:05.000Z"`)
	dst = reserve(dst, size)
	start := len(dst)
	dst = dst[:start+size]
	out := (*[size]byte)(dst[start:])

	since := uint64(ms - minDate) // since 1 January of the year 0
	year, month, day := civil(uint32(since / millisPerDay))
	clock := uint32(since % millisPerDay)
	seconds, millis := clock/1000, clock%1000
	minutes := seconds / 60

	out[0], out[5], out[8], out[11] = '"', '-', '-', 'T'
	out[14], out[17], out[20], out[24], out[25] = ':', ':', '.', 'Z', '"'
	putPair(out[1:3], year/100)
	putPair(out[3:5], year%100)
	putPair(out[6:8], month)
	putPair(out[9:11], day)
	putPair(out[12:14], minutes/60)
	putPair(out[15:17], minutes%60)
	putPair(out[18:20], seconds%60)
	putPair(out[21:23], millis/10)
	out[23] = byte('0' + millis%10)
	return dst
}

func putPair(out []byte, v uint32) {
	out[1], out[0] = digitPairs[v*2+1], digitPairs[v*2]
}

// civil returns the date of a day counted from 1 January of the year 0 in the
// proleptic Gregorian calendar. Inside, years start in March, so that the leap
// day comes last and month lengths follow a linear rule.
func civil(day uint32) (year, month, dayOfMonth uint32) {
	n := 4*(day+146097-60) + 3 // one era of 400 years keeps the count positive
	century := n / 146097
	n = n%146097 | 3
	yearOfCentury := n / 1461
	dayOfYear := n % 1461 / 4
	m := 2141*dayOfYear + 197913
	year = 100*century + yearOfCentury - 400
	month, dayOfMonth = m>>16, m&0xffff/2141+1
	if dayOfYear >= 306 {
		year, month = year+1, month-12
	}
	return year, month, dayOfMonth
}
