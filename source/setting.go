package source

// What a *goatee.ConfigError of this package names as its Setting, besides its options. A program that has settings of
// its own translates them to those.
const (
	// SettingAddress: MongoDB does not answer at the addresses the client was given.
	SettingAddress = "source: MongoDB client address"
	// SettingCredentials: MongoDB denies access with the credentials the client was given.
	SettingCredentials = "source: MongoDB client credentials"
	// SettingDeployment: MongoDB is not the kind of deployment that is needed, a replica set or a sharded cluster.
	SettingDeployment = "source: MongoDB deployment"
	// SettingTarget: what a change stream is to follow.
	SettingTarget = "source.NewChangeStream target"
	// SettingNamespace: what a direct read is to read.
	SettingNamespace = "source.NewDirectRead namespace"
	// SettingPipeline: the stages that the function of WithPipeline returns.
	SettingPipeline = "source.WithPipeline"
	// SettingFullDocument: where documents of updates come from.
	SettingFullDocument = "source.WithFullDocument"
)

// The names of sources begin with these; the target or the namespace follows.
const (
	ChangeStreamPrefix = "change-stream:"
	DirectReadPrefix   = "direct-read:"
)
