// Package sourcetest checks that a goatee.Source keeps the promises of its interface. An implementation passes it from
// its own tests:
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Run(t, sourcetest.Subject{New: newKafkaSource, Features: sourcetest.Features{Resumable: true}})
//	}
package sourcetest
