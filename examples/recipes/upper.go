package recipes

import (
	"strings"

	"github.com/goatee-sync/goatee/transform"
)

// UpperCase turns the texts at the top of a document into upper case. Use it as
//
//	goatee.WithTransformer(transform.Map(UpperCase))
func UpperCase(in *transform.MapInput) (*transform.MapOutput, error) {
	doc := in.Document
	for name, v := range doc {
		if text, ok := v.(string); ok {
			doc[name] = strings.ToUpper(text)
		}
	}
	return &transform.MapOutput{Document: doc}, nil
}
