package e2e

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func withID(id any, fields bson.D) bson.D { return append(bson.D{{Key: "_id", Value: id}}, fields...) }

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

func (w *writer) document(id any) bson.D { return withID(id, fieldsOf(w.dice)) }

func (w *writer) insert(ctx context.Context, c *mongo.Collection, id any) error {
	_, err := c.InsertOne(ctx, w.document(id))
	return err
}

func (w *writer) delete(ctx context.Context, c *mongo.Collection, id any) error {
	_, err := c.DeleteOne(ctx, byID(id))
	return err
}

func (w *writer) replace(ctx context.Context, c *mongo.Collection, id any) error {
	_, err := c.ReplaceOne(ctx, byID(id), fieldsOf(w.dice), options.Replace().SetUpsert(w.dice.IntN(2) == 0))
	return err
}

// change is an update with operators.
func (w *writer) change() bson.D {
	return bson.D{
		{Key: "$inc", Value: bson.D{{Key: "n", Value: int32(1)}}},
		{Key: "$set", Value: bson.D{{Key: "address.city", Value: word(w.dice)}, {Key: "price", Value: price(w.dice)}}},
		{Key: "$unset", Value: bson.D{{Key: "name", Value: ""}, {Key: "none", Value: ""}}},
		{Key: "$push", Value: bson.D{{Key: "tags", Value: bson.D{
			{Key: "$each", Value: bson.A{word(w.dice)}}, {Key: "$slice", Value: -4},
		}}}},
	}
}

func (w *writer) update(ctx context.Context, c *mongo.Collection, id any) error {
	_, err := c.UpdateOne(ctx, byID(id), w.change())
	return err
}

func (w *writer) pipeline(ctx context.Context, c *mongo.Collection, id any) error {
	_, err := c.UpdateOne(ctx, byID(id), mongo.Pipeline{
		{{Key: "$set", Value: bson.D{
			{Key: "n", Value: bson.D{{Key: "$add", Value: bson.A{"$n", 2}}}},
			{Key: "tags", Value: bson.D{{Key: "$slice", Value: bson.A{"$tags", 1}}}},
			{Key: "name", Value: bson.D{{Key: "$literal", Value: word(w.dice)}}},
		}}},
		{{Key: "$unset", Value: bson.A{"lines", "address.geo"}}},
	})
	return err
}

func (w *writer) updateMany(ctx context.Context, c *mongo.Collection, _ any) error {
	_, err := c.UpdateMany(ctx, bson.D{{Key: "n", Value: bson.D{{Key: "$lt", Value: 40}}}}, w.change())
	return err
}

func (w *writer) reinsert(ctx context.Context, c *mongo.Collection, id any) error {
	if err := w.delete(ctx, c, id); err != nil {
		return err
	}
	return w.insert(ctx, c, id)
}

func (w *writer) bulk(ctx context.Context, c *mongo.Collection, id any) error {
	other := idOf(w.dice.IntN(w.load.options.ids))
	_, err := c.BulkWrite(ctx, []mongo.WriteModel{
		mongo.NewDeleteOneModel().SetFilter(byID(id)),
		mongo.NewUpdateOneModel().SetFilter(byID(other)).SetUpdate(w.change()),
		mongo.NewReplaceOneModel().SetFilter(byID(id)).SetReplacement(fieldsOf(w.dice)).SetUpsert(true),
		mongo.NewDeleteOneModel().SetFilter(byID(other)),
	})
	return err
}

// updateTwice touches one document twice in a transaction: both changes have the same cluster time.
func (w *writer) updateTwice(ctx context.Context, c *mongo.Collection, id any) error {
	return w.transaction(ctx, func(ctx context.Context) error {
		if err := w.replace(ctx, c, id); err != nil {
			return err
		}
		return w.update(ctx, c, id)
	})
}

// insertAndDelete leaves no document behind, though it may have been there before.
func (w *writer) insertAndDelete(ctx context.Context, c *mongo.Collection, id any) error {
	return w.transaction(ctx, func(ctx context.Context) error {
		if err := w.delete(ctx, c, id); err != nil {
			return err
		}
		if err := w.insert(ctx, c, id); err != nil {
			return err
		}
		return w.delete(ctx, c, id)
	})
}

// deleteAndInsert is a re-insert with one cluster time, next to a change of another collection.
func (w *writer) deleteAndInsert(ctx context.Context, c *mongo.Collection, id any) error {
	names := w.load.options.collections
	other := w.load.db.Collection(names[w.dice.IntN(len(names))])
	return w.transaction(ctx, func(ctx context.Context) error {
		if err := w.delete(ctx, c, id); err != nil {
			return err
		}
		if err := w.insert(ctx, c, id); err != nil {
			return err
		}
		return w.update(ctx, other, id)
	})
}

// transaction tries once: the next operation is as good as this one.
func (w *writer) transaction(ctx context.Context, do func(context.Context) error) error {
	return w.load.client.UseSession(ctx, func(session mongo.SessionContext) error {
		if err := session.StartTransaction(); err != nil {
			return err
		}
		if err := do(session); err != nil {
			_ = session.AbortTransaction(session)
			return err
		}
		return session.CommitTransaction(session)
	})
}
