module lumber

go 1.14

require (
	github.com/elastic/go-lumber v0.1.0
	github.com/klauspost/compress v1.11.13 // indirect
)
