import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Gives Ferry replication orders and waits for what becomes of them. JDK 17, nothing else:
 *
 * <pre>java OrderProducer.java URL FROM TO CLIENT BUCKET OBJECT...</pre>
 *
 * URL is any site that knows FROM and TO. The first object is ordered alone, then all of them as one
 * array, then all of them as lines. Orders may be repeated without harm, so each of the three ends well.
 */
public final class OrderProducer {
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration OUTCOME_TIMEOUT = Duration.ofSeconds(60);
    private static final int TRIES = 10; // of one request, while the site is busy or its queue is full

    /** The object is there, or something newer is. */
    private static final Set<String> GOOD = Set.of("applied", "duplicate", "superseded", "settled");
    /** A person has to look; "waiting" will be tried again by itself. */
    private static final Set<String> BAD = Set.of("dead", "dropped");

    /** What a site answers to orders that are safe: how to ask for them, and how many they are. */
    private record Accepted(String opId, long count) {}

    private record Ended(String object, String outcome, String why) {}

    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url;

    private OrderProducer(String url) {
        this.url = url;
    }

    /** A copy of one object; DELETE instead of CREATE removes it, without objectName it is the bucket. */
    private static String order(String source, String target, String client, String bucket, String name) {
        Map<String, String> order = new LinkedHashMap<>();
        order.put("action", "CREATE");
        order.put("fromSite", source);
        order.put("toSite", target); // left out: every site but the source
        order.put("clientId", client);
        order.put("bucketName", bucket);
        order.put("objectName", name);
        return order.entrySet().stream()
                .map(pair -> Json.text(pair.getKey()) + ":" + Json.text(pair.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
    }

    // ---- giving orders

    private Accepted postOne(String order) throws IOException, InterruptedException {
        return post("application/json", () -> BodyPublishers.ofString(order));
    }

    /** At most 10,000 orders; all of them are taken, or none. */
    private Accepted postArray(List<String> orders) throws IOException, InterruptedException {
        return post("application/json", () -> BodyPublishers.ofString("[" + String.join(",", orders) + "]"));
    }

    /** Any number of orders: they are sent as the Iterable gives them, and the site takes them as they come. */
    private Accepted postLines(Iterable<String> orders) throws IOException, InterruptedException {
        Iterable<byte[]> lines = () -> {
            var each = orders.iterator();
            return new java.util.Iterator<>() {
                @Override
                public boolean hasNext() {
                    return each.hasNext();
                }

                @Override
                public byte[] next() {
                    return (each.next() + "\n").getBytes(StandardCharsets.UTF_8);
                }
            };
        };
        return post("application/x-ndjson", () -> BodyPublishers.ofByteArrays(lines));
    }

    /** The body is made again for each try: 503 means "not now", and sending all again is safe. */
    private Accepted post(String contentType, Supplier<BodyPublisher> body)
            throws IOException, InterruptedException {
        for (int left = TRIES - 1; ; left--) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/ferry/v1/orders"))
                    .header("Content-Type", contentType)
                    .timeout(ANSWER_TIMEOUT)
                    .POST(body.get())
                    .build();
            HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
            if (answer.statusCode() == 201) {
                Map<?, ?> accepted = Json.object(answer.body());
                return new Accepted((String) accepted.get("opId"), (Long) accepted.get("accepted"));
            }
            if (answer.statusCode() != 503 || left == 0) {
                throw new IOException("refused with " + answer.statusCode() + ": " + answer.body());
            }
            Thread.sleep(1000L * answer.headers().firstValueAsLong("Retry-After").orElse(1));
        }
    }

    // ---- waiting for them

    /** Until every order has ended. Gives the orders; of very many, the first of them. */
    private List<Ended> await(Accepted accepted, String target) throws IOException, InterruptedException {
        Instant deadline = Instant.now().plus(OUTCOME_TIMEOUT);
        for (long pause = 20; ; pause = Math.min(2 * pause, 1000)) {
            Map<?, ?> site = outcomesAt(target, accepted.opId());
            Map<?, ?> counts = (Map<?, ?>) site.get("counts"); // {"applied": 2, "waiting": 1}
            long ended = counts == null ? 0 : counts.entrySet().stream()
                    .filter(pair -> GOOD.contains(pair.getKey()) || BAD.contains(pair.getKey()))
                    .mapToLong(pair -> (Long) pair.getValue())
                    .sum();
            if (ended >= accepted.count()) {
                return ((List<?>) site.get("orders")).stream().map(OrderProducer::ended).toList();
            }
            if (Instant.now().isAfter(deadline)) {
                throw new IOException("not ended within " + OUTCOME_TIMEOUT.toSeconds() + " s: " + counts);
            }
            Thread.sleep(pause);
        }
    }

    /** What the target says so far; nothing while it is not reachable, for then its orders wait for it. */
    private Map<?, ?> outcomesAt(String target, String opId) throws IOException, InterruptedException {
        String path = URLEncoder.encode(opId, StandardCharsets.UTF_8).replace("+", "%20");
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/ferry/v1/orders/" + path))
                .timeout(ANSWER_TIMEOUT)
                .build();
        HttpResponse<String> answer = http.send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException("no outcomes, but " + answer.statusCode() + ": " + answer.body());
        }
        for (Object each : (List<?>) Json.object(answer.body()).get("sites")) {
            Map<?, ?> site = (Map<?, ?>) each;
            if (target.equals(site.get("site")) && Boolean.TRUE.equals(site.get("reachable"))) {
                return site;
            }
        }
        return Map.of();
    }

    private static Ended ended(Object row) {
        Map<?, ?> order = (Map<?, ?>) row;
        String outcome = (String) order.get("outcome");
        String why = BAD.contains(outcome) ? " (" + order.get("reason") + ": " + order.get("detail") + ")" : "";
        return new Ended((String) order.get("object"), outcome, why);
    }

    // ---- the program

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length < 6) {
            System.err.println("java OrderProducer.java URL FROM TO CLIENT BUCKET OBJECT...");
            System.exit(2);
        }
        String source = arguments[1], target = arguments[2], client = arguments[3], bucket = arguments[4];
        List<String> orders = Arrays.stream(arguments, 5, arguments.length)
                .map(name -> order(source, target, client, bucket, name))
                .toList();

        OrderProducer producer = new OrderProducer(arguments[0]);
        Map<String, Accepted> given = new LinkedHashMap<>();
        given.put("one", producer.postOne(orders.get(0)));
        given.put("array", producer.postArray(orders));
        given.put("lines", producer.postLines(orders));

        boolean failed = false;
        for (Map.Entry<String, Accepted> way : given.entrySet()) {
            for (Ended order : producer.await(way.getValue(), target)) {
                System.out.println(way.getKey() + ": " + order.object() + " at " + target + ": "
                        + order.outcome() + order.why());
                failed |= BAD.contains(order.outcome());
            }
        }
        System.exit(failed ? 1 : 0);
    }

    /** The JDK reads no JSON; in a project, take the library you have. Whole numbers become Long. */
    private static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Map<?, ?> object(String text) {
            return (Map<?, ?>) new Json(text).value();
        }

        /** A text as JSON. */
        static String text(String plain) {
            StringBuilder json = new StringBuilder("\"");
            for (char c : plain.toCharArray()) {
                if (c == '"' || c == '\\') {
                    json.append('\\').append(c);
                } else if (c < ' ') {
                    json.append(String.format("\\u%04x", (int) c));
                } else {
                    json.append(c);
                }
            }
            return json.append('"').toString();
        }

        private Object value() {
            switch (peek()) {
                case '{':
                    Map<String, Object> object = new LinkedHashMap<>();
                    for (take('{'); peek() != '}'; skip(',')) {
                        String key = string();
                        take(':');
                        object.put(key, value());
                    }
                    take('}');
                    return object;
                case '[':
                    List<Object> array = new ArrayList<>();
                    for (take('['); peek() != ']'; skip(',')) {
                        array.add(value());
                    }
                    take(']');
                    return array;
                case '"':
                    return string();
                default:
                    return word();
            }
        }

        private String string() {
            StringBuilder plain = new StringBuilder();
            for (take('"'); text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c == '\\') {
                    c = text.charAt(++at);
                    if (c == 'u') {
                        c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                        at += 4;
                    } else if ("bfnrt".indexOf(c) >= 0) {
                        c = "\b\f\n\r\t".charAt("bfnrt".indexOf(c));
                    }
                }
                plain.append(c);
            }
            at++;
            return plain.toString();
        }

        private Object word() {
            int start = at;
            while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            return switch (word) {
                case "null" -> null;
                case "true" -> true;
                case "false" -> false;
                default -> word.matches("-?\\d+") ? (Object) Long.valueOf(word) : (Object) Double.valueOf(word);
            };
        }

        private char peek() {
            while (Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            return text.charAt(at);
        }

        private void take(char expected) {
            if (peek() != expected) {
                throw new IllegalArgumentException("no '" + expected + "' at " + at + " of " + text);
            }
            at++;
        }

        private void skip(char optional) {
            if (peek() == optional) {
                at++;
            }
        }
    }
}
