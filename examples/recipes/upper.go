package recipes

import (
	"strings"

	"github.com/goatee-sync/goatee/transform/plugin"
)

// UpperCase turns the texts at the top of a document into upper case. Use it as
//
//	goatee.WithTransformer(plugin.Map(UpperCase))
func UpperCase(in *plugin.MapInput) (*plugin.MapOutput, error) {
	doc := in.Document
	for name, v := range doc {
		if text, ok := v.(string); ok {
			doc[name] = strings.ToUpper(text)
		}
	}
	return &plugin.MapOutput{Document: doc}, nil
}
