// Package fold reads text the way a hurried eye does: it brings look-alikes
// together, so that names and words can be compared by how they appear and not
// by which characters they were made of. It knows no domain words.
//
// [Skeleton] is for names: two names with one skeleton can be taken for each
// other. [Words] is for lists of words that must not be said: whole words, in
// whatever dress they come, but not parts of innocent ones.
package fold
