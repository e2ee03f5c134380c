package similar_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/similar"
)

func TestNearest(t *testing.T) {
	names := []string{"shop.orders", "shop.customers", "blog.posts"}
	require.Equal(t, "shop.orders", similar.Nearest("shop.order", names, 2))
	require.Equal(t, "shop.customers", similar.Nearest("shop.costumers", names, 2))
	require.Empty(t, similar.Nearest("something.else.entirely", names, 2))
}

func TestTolerance(t *testing.T) {
	require.Empty(t, similar.Nearest("abcxyz", []string{"abc"}, 2), "three bytes more")
	require.Equal(t, "abc", similar.Nearest("abcxyz", []string{"abc"}, 3))
}
