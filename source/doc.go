// Package source reads MongoDB: change streams and documents as they are.
//
//	stream, err := source.NewChangeStream(client, "shop")      // or "" for everything, or "shop.orders"
//	orders, err := source.NewDirectRead(client, "shop.orders") // what is already there
//
// Both read ahead: the next getMore is under way while the present reply is worked on. A change points into the reply
// that brought it; nothing is copied or decoded.
//
// # Guarantees
//
// A [ChangeStream] brings every change behind its position at least once and in order, whatever happens to its cursor,
// the connection or the primary. When MongoDB no longer holds the position it ends with goatee.ErrPositionLost; it
// never goes on from somewhere else by itself.
//
// A [DirectRead] brings every document that is there from beginning to end of the read, whatever the type of its _id,
// with a cluster time before which it is certainly not older: any change the read has missed is newer.
//
// A document that MongoDB refuses to return, because a view or a pipeline fails for it or makes it larger than 16 MB, is a
// failed change: it becomes one dead letter, and everything else is read.
//
// Both read from the primary with read concern majority, so nothing they bring is ever rolled back. So does a [Finder],
// by which transformers look documents up.
package source
