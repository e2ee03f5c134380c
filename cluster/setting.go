package cluster

// What a *goatee.ConfigError of this package names as its Setting, besides its options. A program that has settings of
// its own translates them to those.
const (
	// SettingCollection: the collection of NewLease cannot be used.
	SettingCollection = "cluster.NewLease collection"
	// SettingName: the name of NewLease.
	SettingName = "cluster.NewLease name"
	// SettingEven: the names of NewEven.
	SettingEven = "cluster.NewEven names"
	// SettingRing: the names of NewRing.
	SettingRing = "cluster.NewRing names"
	// SettingShare: the name of one worker.
	SettingShare = "cluster.Workers.Share name"
)
