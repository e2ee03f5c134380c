package cluster

import (
	"context"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// holding is who has the lease, as the document says.
type holding struct {
	holder, host string
	since        time.Time
	fence        goatee.Fence
}

// acquire takes the lease if it is free and returns who has it now. A lease of our own that we did not hear of, because
// the reply was lost, is taken once more.
func (l *Lease) acquire(ctx context.Context) (holding, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	// A document that was damaged is free: whoever holds a lease has written a date.
	free := bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "$ne", Value: bson.A{bson.D{{Key: "$type", Value: "$expireAt"}}, "date"}}},
		bson.D{{Key: "$lte", Value: bson.A{"$expireAt", "$$NOW"}}},
		bson.D{{Key: "$eq", Value: bson.A{"$holder", l.holder}}},
	}}}
	take := func(field string, value any) bson.E {
		return bson.E{Key: field, Value: bson.D{{Key: "$cond", Value: bson.A{free, value, "$" + field}}}}
	}
	update := mongo.Pipeline{{{Key: "$set", Value: bson.D{
		take("holder", l.holder),
		take("host", l.host),
		take("pid", os.Getpid()),
		take("since", "$$NOW"),
		take("fence", nextFence()),
		take("expireAt", l.expiry()),
	}}}}
	raw, err := l.coll.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: l.name}}, update,
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Raw()
	if err != nil {
		return holding{}, err
	}
	var h holding
	h.holder, _ = raw.Lookup("holder").StringValueOK()
	h.host, _ = raw.Lookup("host").StringValueOK()
	h.since, _ = raw.Lookup("since").TimeOK()
	fence, _ := raw.Lookup("fence").AsInt64OK()
	h.fence = goatee.Fence(fence)
	return h, nil
}

// nextFence begins at the time in milliseconds: if the collection is dropped, or the fence damaged, tokens must not begin
// again below those that position writes have been conditional on.
func nextFence() bson.D {
	isNumber := bson.D{{Key: "$in", Value: bson.A{bson.D{{Key: "$type", Value: "$fence"}}, bson.A{"long", "int"}}}}
	begin := bson.D{{Key: "$toLong", Value: "$$NOW"}}
	return bson.D{{Key: "$add", Value: bson.A{
		bson.D{{Key: "$cond", Value: bson.A{isNumber, "$fence", begin}}}, int64(1),
	}}}
}

func (l *Lease) expiry() bson.D {
	return bson.D{{Key: "$add", Value: bson.A{"$$NOW", l.ttl.Milliseconds()}}}
}

// update sets fields of a lease that is still held with this fencing token, and says whether it was.
func (l *Lease) update(ctx context.Context, fence goatee.Fence, set bson.D) (held bool, err error) {
	result, err := l.coll.UpdateOne(ctx,
		bson.D{{Key: "_id", Value: l.name}, {Key: "holder", Value: l.holder}, {Key: "fence", Value: int64(fence)}},
		mongo.Pipeline{{{Key: "$set", Value: set}}})
	if err != nil {
		return false, err
	}
	return result.MatchedCount > 0, nil
}

func (l *Lease) renew(ctx context.Context, fence goatee.Fence) (held bool, err error) {
	return l.update(ctx, fence, bson.D{{Key: "expireAt", Value: l.expiry()}})
}

// release ends a lease that is still held. A renewal that was sent before and arrives after finds no holder.
func (l *Lease) release(ctx context.Context, fence goatee.Fence) error {
	_, err := l.update(ctx, fence, bson.D{{Key: "expireAt", Value: "$$NOW"}, {Key: "holder", Value: ""}})
	return err
}
