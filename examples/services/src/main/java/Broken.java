/** An exception in no package. */
public class Broken extends RuntimeException {

    private static final long serialVersionUID = 1;

    public Broken(String message) {
        super(message);
    }
}
