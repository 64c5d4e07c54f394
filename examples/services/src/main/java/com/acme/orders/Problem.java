package com.acme.orders;

/** Exceptions whose names do not say that they are some. */
public class Problem extends RuntimeException {

    private static final long serialVersionUID = 1;

    public Problem(String message, Throwable cause) {
        super(message, cause);
    }

    /** Without frames, as exceptions are made that are thrown often. */
    public static class Quick extends RuntimeException {

        private static final long serialVersionUID = 1;

        public Quick(String message) {
            super(message, null, false, false);
        }
    }
}
