// Package bsonedit edits BSON documents: it leaves fields out, renames them and sets them, without decoding a document
// that is bytes, and in place in one that is decoded already. What it does follows MongoDB's projections and $addFields.
//
// Every Edit has both forms and gives the same document in both. An Editor applies edits to the documents of one batch
// and takes the memory for their results from as few allocations as it can.
package bsonedit
