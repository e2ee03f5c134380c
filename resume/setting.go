package resume

// What a *goatee.ConfigError of this package names as its Setting, besides its options. A program that has settings of
// its own translates them to those.
const (
	// SettingDatabase: the database of NewMongo cannot be used.
	SettingDatabase = "resume.NewMongo database"
	// SettingName: the name of NewMongo under which positions are stored.
	SettingName = "resume.NewMongo name"
	// SettingDocument: a stored document does not hold what it should.
	SettingDocument = "resume.NewMongo document"
	// SettingFile: the file of NewFile cannot be used.
	SettingFile = "resume.NewFile path"
)
