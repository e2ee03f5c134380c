// Package plugin takes the functions of a Monstache plug-in as they are: Map, Filter and Process, with their inputs and
// outputs field for field, but for the clients, over which a function closes. A plug-in becomes part of the program that
// uses goatee:
//
//	t := transform.Chain(plugin.Filter(myplugin.Filter), plugin.Map(myplugin.Map))
//
// New code is better off with package transform, whose functions do not decode documents that nobody looks at.
//
// As in transform, a constructor with arguments that cannot work does not panic: the transformer's Check reports a
// *goatee.ConfigError, and every change fails with the same error.
package plugin
