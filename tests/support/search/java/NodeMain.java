// SPDX-License-Identifier: Apache-2.0
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

/**
 * Starts one search node in this JVM and keeps it running until SIGTERM.
 *
 * Usage: java -cp 'lib/*' NodeMain PACKAGE HOME CONF
 *   PACKAGE  org.elasticsearch or org.opensearch
 *   HOME     directory that holds modules/ and plugins/
 *   CONF     directory that holds elasticsearch.yml (or opensearch.yml) and log4j2.properties
 *
 * The distributions start through a Bootstrap class that refuses to run as root and sandboxes the
 * JVM. This class does only the remaining step: it reads the configuration and starts a Node.
 * Reflection is used because the constructors differ between versions and between the two products.
 */
public final class NodeMain {

    public static void main(String[] args) throws Exception {
        try {
            run(args[0], Path.of(args[1]), Path.of(args[2]));
        } catch (InvocationTargetException e) {
            e.getCause().printStackTrace();
            System.exit(1);
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
    }

    private static void run(String ns, Path home, Path conf) throws Exception {
        Class<?> logging = Class.forName(ns + ".common.logging.LogConfigurator");
        callIfPresent(logging, "registerErrorListener");
        callIfPresent(logging, "configureESLogging");

        Class<?> settingsType = Class.forName(ns + ".common.settings.Settings");
        Object builder = settingsType.getMethod("builder").invoke(null);
        builder.getClass().getMethod("put", String.class, String.class)
                .invoke(builder, "path.home", home.toString());
        Object settings = builder.getClass().getMethod("build").invoke(builder);

        Supplier<String> noDefaultName = () -> "node-1";
        Object env = Class.forName(ns + ".node.InternalSettingsPreparer")
                .getMethod("prepareEnvironment", settingsType, Map.class, Path.class, Supplier.class)
                .invoke(null, settings, Map.of(), conf, noDefaultName);
        for (Method m : logging.getMethods()) {
            if (m.getName().equals("configure")) {
                m.invoke(null, m.getParameterCount() == 1 ? new Object[] {env} : new Object[] {env, true});
            }
        }

        AutoCloseable node = (AutoCloseable) newNode(ns, env, home);
        CountDownLatch done = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                callIfPresent(node, "prepareForClose");
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            } finally {
                done.countDown();
            }
        }, "node-shutdown"));
        node.getClass().getMethod("start").invoke(node);
        done.await();
    }

    private static Object newNode(String ns, Object env, Path home) throws Exception {
        Class<?> nodeType = Class.forName(ns + ".node.Node");
        Class<?> loaderType;
        try {
            loaderType = Class.forName(ns + ".plugins.PluginsLoader");
        } catch (ClassNotFoundException e) {
            // OpenSearch, and early Elasticsearch 8: the node finds modules/ itself
            return nodeType.getConstructor(env.getClass()).newInstance(env);
        }
        Object modules = loadBundles(loaderType, "loadModulesBundles", home.resolve("modules"));
        Object plugins = loadBundles(loaderType, "loadPluginsBundles", home.resolve("plugins"));
        // false: the server jar is on the class path here, so it has no module exports to extend
        Object loader = loaderType
                .getMethod("createPluginsLoader", Set.class, Set.class, Map.class, boolean.class)
                .invoke(null, modules, plugins, Map.of(), false);
        Constructor<?> c = nodeType.getConstructor(env.getClass(), loaderType);
        return c.newInstance(env, loader);
    }

    private static Object loadBundles(Class<?> loaderType, String name, Path dir) throws Exception {
        Method m = Arrays.stream(loaderType.getMethods()).filter(x -> x.getName().equals(name))
                .findFirst().orElseThrow();
        return m.getParameterCount() == 1 ? m.invoke(null, dir) : m.invoke(null, dir, false);
    }

    private static void callIfPresent(Object target, String name) throws Exception {
        Class<?> type = target instanceof Class ? (Class<?>) target : target.getClass();
        try {
            type.getMethod(name).invoke(target instanceof Class ? null : target);
        } catch (NoSuchMethodException e) {
            // older or newer version without this step
        }
    }
}
