package shop

var (
	firstNames = []string{
		"Ada", "Alan", "Anita", "Barbara", "Carl", "Claude", "Dana", "Dennis", "Edsger", "Emmy", "Frances", "Grace",
		"Hedy", "Ivan", "Joan", "John", "Karen", "Katherine", "Leslie", "Margaret", "Niklaus", "Radia", "Sophie", "Tony",
	}
	lastNames = []string{
		"Allen", "Borg", "Clarke", "Dijkstra", "Engelbart", "Floyd", "Goldberg", "Hamilton", "Hoare", "Hopper", "Iverson",
		"Johnson", "Kay", "Knuth", "Lamport", "Liskov", "Lovelace", "Noether", "Perlman", "Ritchie", "Shannon", "Wilson",
	}
	cities = []string{
		"Amsterdam", "Athens", "Barcelona", "Bergen", "Berlin", "Bologna", "Brno", "Dublin", "Gdańsk", "Ghent", "Graz",
		"Helsinki", "Krakow", "Lisbon", "Ljubljana", "Lyon", "Malmö", "Porto", "Riga", "Tallinn", "Turin", "Vienna", "Zürich",
	}
	categories = []string{"audio", "bath", "books", "camping", "cycling", "garden", "kitchen", "lighting", "office", "toys"}
	adjectives = []string{
		"Amber", "Brisk", "Calm", "Clever", "Copper", "Crisp", "Feather", "Folding", "Gentle", "Granite", "Hollow", "Ivory",
		"Light", "Maple", "Mellow", "Nordic", "Plain", "Quiet", "Rustic", "Silver", "Simple", "Sturdy", "Velvet", "Woven",
	}
	nouns = []string{
		"Basket", "Bell", "Bench", "Blanket", "Bottle", "Bowl", "Chair", "Clock", "Compass", "Curtain", "Desk", "Easel",
		"Flask", "Frame", "Hammock", "Kettle", "Ladder", "Lantern", "Mirror", "Notebook", "Pan", "Pillow", "Shelf", "Tent",
	}
	statuses = []string{"open", "paid", "packed", "shipped", "delivered", "returned"}
)
