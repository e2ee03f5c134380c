package e2e
import ("testing";"time";"go.mongodb.org/mongo-driver/bson";"github.com/stretchr/testify/require")
func TestZZ(t *testing.T) {
	s := newStack(t)
	s.es.must(t, "PUT", "/"+s.index("sick"), `{"settings":{"number_of_replicas":0,"index.blocks.read_only":true}}`)
	d := startDaemon(t, s.settings())
	s.awaitChange(t, "well")
	s.insertMany(t, "sick", 0, 10, func(int) bson.D { return bson.D{} })
	require.Eventually(t, func() bool { return len(d.linesSince(0, "takes no writes")) > 0 }, patience, tick)
	b := time.Now()
	code := d.terminate(t)
	t.Log(code, time.Since(b))
	t.Log(d.output.String())
	indexSetting(`"index.blocks.read_only":null`)(s, t, s.index("sick"))
	d = startDaemon(t, s.settings())
	s.requireAgreement(t, "sick")
	d.terminate(t)
}
