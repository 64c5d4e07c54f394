"""Times: as an event has them, and in the formats that configurations name: Go's layouts, Joda-Time's, java.time's."""
